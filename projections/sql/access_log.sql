-- Who looked at whose data, was refused or took it out of the house; what a supervisor has to look at.

-- tables --
-- Pseudonymous ids, codes and times; reasons and tickets are read from the events.
create table kyc_read.access_log{b} (
    stream_id uuid not null,                    -- the customer's stream of accesses; of a page or refusal, the reader's
    version bigint not null,
    customer uuid not null,                     -- stream id of the customer
    kind text not null,                         -- read, listed, refused or disclosed
    reader text not null,                       -- actor of the header
    branch text not null,
    purpose text not null,
    legal_basis text not null,
    fields text[] not null,                     -- names of fields, no values
    masked boolean,                             -- of a read or a page
    code text,                                  -- of a refusal
    at timestamptz not null,                    -- recorded
    data_key uuid not null,
    primary key (stream_id, version, customer)
);
create index access_log{b}_customer on kyc_read.access_log{b} (customer, at);
create index access_log{b}_reader on kyc_read.access_log{b} (reader, at);
create index access_log{b}_at on kyc_read.access_log{b} using brin (at) with (autosummarize = on);
-- Flags, emergency accesses and their reviews.
create table kyc_read.access_matter{b} (
    stream_id uuid not null,                    -- the operator's stream
    version bigint not null,
    operator text not null,
    kind text not null,                         -- of a flag; used or reviewed of an emergency access
    emergency uuid,                             -- keyed digest of its number
    number bigint,                              -- what a flag counted
    since timestamptz,
    until timestamptz,
    finding text,                               -- of a review
    actor text not null,                        -- who flagged, used or reviewed
    branch text not null,
    at timestamptz not null,
    data_key uuid not null,
    primary key (stream_id, version)
);
create index access_matter{b}_at on kyc_read.access_matter{b} (at)

-- sweep --
-- A log of accesses is personal data itself: it goes with its key.
delete from kyc_read.access_log{b} t using kyc_keys.data_key k
where k.destroyed_at >= %s and t.stream_id = k.subject and t.data_key = k.id

-- sweep_matters --
-- The same for what concerns operators.
delete from kyc_read.access_matter{b} t using kyc_keys.data_key k
where k.destroyed_at >= %s and t.stream_id = k.subject and t.data_key = k.id

-- of_customer --
-- Accesses to a customer's data in a span of time, the latest first.
select stream_id, version, customer, kind, reader, branch, purpose, legal_basis, fields, masked, code, at
from kyc_read.access_log
where customer = %(whose)s and at >= %(start)s and at < %(stop)s and kind = any (%(kinds)s)
    and (%(branches)s::text[] is null or branch = any (%(branches)s))
    and (%(at)s::timestamptz is null or (at <= %(at)s and (at < %(at)s or stream_id > %(stream)s
        or (stream_id = %(stream)s and version < %(version)s))))
order by at desc, stream_id, version desc limit %(limit)s

-- of_reader --
-- What somebody looked at in a span of time, the latest first.
select stream_id, version, customer, kind, reader, branch, purpose, legal_basis, fields, masked, code, at
from kyc_read.access_log
where reader = %(whose)s and at >= %(start)s and at < %(stop)s and kind = any (%(kinds)s)
    and (%(branches)s::text[] is null or branch = any (%(branches)s))
    and (%(at)s::timestamptz is null or (at <= %(at)s and (at < %(at)s or stream_id > %(stream)s
        or (stream_id = %(stream)s and (version < %(version)s
            or (version = %(version)s and customer > %(customer)s))))))
order by at desc, stream_id, version desc, customer limit %(limit)s

-- counted --
-- What somebody did in a span of time.
select count(*) filter (where kind = 'read'), count(distinct (stream_id, version)) filter (where kind = 'listed'),
    count(distinct customer) filter (where kind in ('read', 'listed')),
    count(*) filter (where kind = 'refused'), count(*) filter (where kind = 'disclosed')
from kyc_read.access_log where reader = %s and at >= %s and at < %s

-- hours --
-- Readers with so many reads or refusals in a clock hour, the busiest first.
select reader, date_trunc('hour', at, 'UTC') as hour, count(*) filter (where kind = 'read') as reads,
    count(distinct (stream_id, version)) filter (where kind = 'listed') as pages,
    count(distinct customer) filter (where kind in ('read', 'listed')) as customers,
    count(*) filter (where kind = 'refused') as refused, count(*) filter (where kind = 'disclosed') as disclosed
from kyc_read.access_log
where at >= %(start)s and at < %(stop)s and (%(reader)s::text is null or reader = %(reader)s)
group by reader, hour
having count(distinct (stream_id, version)) filter (where kind in ('read', 'listed')) >= %(least)s
    or count(*) filter (where kind = 'refused') >= %(least)s
order by count(distinct (stream_id, version)) filter (where kind in ('read', 'listed')) desc, refused desc, reader, hour limit %(limit)s

-- flags --
-- Conduct that was flagged, the latest first.
select stream_id, version, operator, kind, number, since, until, actor, branch, at
from kyc_read.access_matter
where emergency is null and at >= %(start)s and at < %(stop)s
    and (%(operator)s::text is null or operator = %(operator)s)
order by at desc, stream_id, version desc limit %(limit)s

-- unreviewed --
-- Emergency accesses nobody has looked at, the oldest first.
select u.stream_id, u.version, u.operator, u.branch, u.at, u.until
from kyc_read.access_matter u
where u.kind = 'used' and u.emergency is not null
    and (%(operator)s::text is null or u.operator = %(operator)s)
    and (%(branch)s::text is null or u.branch = %(branch)s) and not exists (
    select from kyc_read.access_matter r
    where r.stream_id = u.stream_id and r.emergency = u.emergency and r.kind = 'reviewed')
order by u.at, u.stream_id, u.version limit %(limit)s::bigint
