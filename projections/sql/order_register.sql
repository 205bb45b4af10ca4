-- Orders of authorities, freezes of accounts, secrecy, and every assistance. Where each stands is computed for an instant.

-- tables --
-- Kinds, organs, moments and amounts in clear; names, cases, reasons and numbers are encrypted or keyed digests.
create table kyc_read.order_register{b} (
    stream_id uuid primary key,                 -- of the order
    version bigint not null,
    data_key uuid not null,
    number uuid not null,                       -- keyed digest of the bank's own number
    action text not null,
    organ text not null,
    level smallint,                             -- null: a foreign authority
    received_at timestamptz not null,
    decision text,                              -- accepted or rejected
    decided_at timestamptz,
    fulfilled_at timestamptz,
    customer uuid,                              -- stream id
    subject uuid,                               -- keyed digest of the subject's document
    accounts uuid[] not null,                   -- stream ids of the accounts it names
    freeze_until timestamptz,
    notify_after date,
    notified_at timestamptz,
    objections smallint not null,
    content bytea not null                      -- nonce ‖ AES-256-GCM(data key, JSON)
);
create index order_register{b}_number on kyc_read.order_register{b} (number);
create index order_register{b}_customer on kyc_read.order_register{b} (customer);
create index order_register{b}_subject on kyc_read.order_register{b} (subject);
create index order_register{b}_accounts on kyc_read.order_register{b} using gin (accounts);
create index order_register{b}_received on kyc_read.order_register{b} (received_at, stream_id);
create table kyc_read.order_secrecy{b} (
    stream_id uuid not null,
    version bigint not null,
    data_key uuid not null,
    since timestamptz not null,
    until date,                                 -- as the organ said; only its release ends it
    released_at timestamptz,
    primary key (stream_id, version)
);
-- A freeze ends at the last of its ends that was known at the instant of the question.
create table kyc_read.order_freeze{b} (
    stream_id uuid not null,                    -- of the account
    version bigint not null,
    data_key uuid not null,
    number uuid not null,                       -- keyed digest of its number
    order_id uuid not null,                     -- stream id of the order
    organ text not null,
    amount numeric,                             -- null: the whole account
    currency text,
    fruits boolean not null,
    queued_at timestamptz,
    frozen_at timestamptz,
    said_at timestamptz[] not null,             -- when each end was said: at the freeze and at its renewals
    ends timestamptz[] not null,
    last_end timestamptz,
    released_at timestamptz,
    noticed_at timestamptz,                     -- when the system noticed that it had lapsed
    content bytea not null,                     -- nonce ‖ AES-256-GCM(data key, JSON)
    primary key (stream_id, version)
);
create index order_freeze{b}_order on kyc_read.order_freeze{b} (order_id);
create index order_freeze{b}_end on kyc_read.order_freeze{b} (last_end);
create index order_freeze{b}_queue on kyc_read.order_freeze{b} (stream_id) where queued_at is not null;
-- Everything that was done for an authority: in the order's stream, or in that of the account.
create table kyc_read.order_assistance{b} (
    stream_id uuid not null,
    version bigint not null,
    data_key uuid not null,
    order_id uuid not null,
    account uuid,                               -- stream id
    kind text not null,
    at timestamptz not null,
    amount numeric,
    currency text,
    content bytea not null,                     -- nonce ‖ AES-256-GCM(data key, JSON)
    primary key (stream_id, version)
);
create index order_assistance{b}_order on kyc_read.order_assistance{b} (order_id);
create index order_assistance{b}_at on kyc_read.order_assistance{b} (at)

-- secret --
-- Whether an order o was secret at an instant.
exists (
    select from kyc_read.order_secrecy s
    where s.stream_id = o.stream_id and s.since <= %(at)s and (s.released_at is null or s.released_at > %(at)s))

-- status --
-- Where an order o stood at an instant.
case when o.fulfilled_at <= %(at)s then 'fulfilled' when o.decided_at <= %(at)s then o.decision else 'received' end

-- orders --
-- Orders received by an instant and where each stood; every part that is given must fit.
select o.stream_id, o.version, o.action, o.organ, o.level, {status} as status, o.received_at, o.accounts, o.customer,
    o.freeze_until, {secret} as secret, o.notify_after,
    case when o.notified_at <= %(at)s then o.notified_at end, o.objections, o.data_key, o.content
from kyc_read.order_register o
where o.received_at <= %(at)s
    and (%(number)s::uuid is null or o.number = %(number)s) and (%(subject)s::uuid is null or o.subject = %(subject)s)
    and (%(accounts)s::uuid[] is null or o.accounts && %(accounts)s::uuid[] or o.customer = %(customer)s)
    and (%(organ)s::text is null or o.organ = %(organ)s) and (%(status)s::text is null or {status} = %(status)s)
    and (%(secret)s::boolean is null or {secret} = %(secret)s)
    and (o.received_at, o.stream_id) > (%(after_at)s, %(after)s)
order by o.received_at, o.stream_id limit %(limit)s

-- to_notify --
-- Orders whose customer is to be told: followed, not secret any more or past the day named, and not told yet.
select o.stream_id, o.notify_after, (
    select max(s.released_at) from kyc_read.order_secrecy s
    where s.stream_id = o.stream_id and s.released_at <= %(at)s) as released_at, o.customer
from kyc_read.order_register o
where o.customer is not null and o.decision = 'accepted' and o.decided_at <= %(at)s
    and (o.notified_at is null or o.notified_at > %(at)s) and not {secret}
    and (o.notify_after <= %(day)s or (o.notify_after is null and exists (
        select from kyc_read.order_secrecy s where s.stream_id = o.stream_id and s.released_at <= %(at)s)))
order by o.notify_after, o.stream_id limit %(limit)s

-- end_at --
-- When a freeze f lapses by itself, as said by an instant.
(select e.until from unnest(f.said_at, f.ends) with ordinality e (said_at, until, n)
 where e.said_at <= %(at)s order by e.n desc limit 1)

-- chosen --
-- Which freezes c are meant; every part that is given must fit.
(%(accounts)s::uuid[] is null or c.stream_id = any (%(accounts)s::uuid[]))
    and (%(order)s::uuid is null or c.order_id = %(order)s) and (%(organ)s::text is null or c.organ = %(organ)s)
    and (%(ends)s::timestamptz is null or c.last_end > %(ends)s)

-- freezes --
-- Freezes known at an instant, where each stood, and its place in the queue of its account.
with stood as (
    select f.*, e.until, case
        when f.frozen_at > %(at)s or f.frozen_at is null then
            case when f.released_at <= %(at)s then 'released' else 'queued' end
        when e.until <= least(%(at)s, f.released_at) then 'lapsed'
        when f.released_at <= %(at)s then 'released'
        else 'in-force'
    end as state
    from kyc_read.order_freeze f
    cross join lateral (select {end_at} as until) e
    where f.stream_id in (select c.stream_id from kyc_read.order_freeze c where {chosen})
        and coalesce(f.queued_at, f.frozen_at) <= %(at)s),
placed as (
    select *, case when state = 'queued' then
            row_number() over (partition by stream_id, state order by version) end as place,
        count(*) filter (where state = 'in-force') over (partition by stream_id) as in_force
    from stood)
select c.stream_id, c.version, c.order_id, c.organ, c.amount, c.currency, c.fruits, c.queued_at,
    case when c.frozen_at <= %(at)s then c.frozen_at end, c.until, c.state, c.place, c.in_force, c.released_at,
    c.data_key, c.content
from placed c
where {chosen} and (%(state)s::text is null or c.state = %(state)s)
    and (%(by)s::timestamptz is null or c.until <= %(by)s)
order by c.until nulls last, c.stream_id, c.version limit %(limit)s

-- next_in_line --
-- Accounts on which a freeze waits although none is in force at an instant.
select distinct f.stream_id from kyc_read.order_freeze f
where f.queued_at <= %(at)s and (f.frozen_at is null or f.frozen_at > %(at)s)
    and (f.released_at is null or f.released_at > %(at)s)

-- assistance --
-- What was done for authorities between two instants, under one order or all.
select a.stream_id, a.version, a.order_id, o.customer, a.account, a.kind, a.at, a.amount, a.currency, a.data_key,
    a.content
from kyc_read.order_assistance a left join kyc_read.order_register o on o.stream_id = a.order_id
where (%(orders)s::uuid[] is null or a.order_id = any (%(orders)s::uuid[])) and a.at >= %(since)s and a.at <= %(at)s
order by a.at, a.stream_id, a.version limit %(limit)s

-- unnoticed --
-- Accounts on which a freeze has lapsed by an instant, and the system has not recorded that it noticed.
select distinct f.stream_id from kyc_read.order_freeze f
where f.last_end <= %(at)s and f.frozen_at <= %(at)s and f.noticed_at is null and f.released_at is null
