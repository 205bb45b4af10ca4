-- Who deals with whom: one row for each of our accounts, other side, direction, currency and year of records.

-- tables --
-- Counts, sums and days; the other side is a keyed digest, its name is read from the leg that names it.
create table kyc_read.counterparty_edge{b} (
    account uuid not null,                      -- stream id
    counterparty uuid not null,                 -- keyed digest, as in transaction_index
    direction text not null,
    currency text not null,
    data_key uuid not null,                     -- of the legs: one account, one year
    known_by text not null,                     -- account, leg, document or name
    legs bigint not null,
    amount numeric not null,
    first_at timestamptz not null,              -- booked
    last_at timestamptz not null,
    postings uuid not null,                     -- stream of the legs
    named bigint,                               -- version of the last leg that names the other side
    primary key (account, counterparty, direction, currency, data_key)
);
create index counterparty_edge{b}_counterparty on kyc_read.counterparty_edge{b} (counterparty)

-- add --
-- The legs of a batch.
insert into kyc_read.counterparty_edge{b} as t (account, counterparty, direction, currency, data_key, known_by, legs,
    amount, first_at, last_at, postings, named)
select account, counterparty, direction, currency, data_key, min(known_by), count(*), sum(amount::numeric),
    timestamptz 'epoch' + min(booked_at) * interval '1 microsecond',
    timestamptz 'epoch' + max(booked_at) * interval '1 microsecond', postings, max(nullif(named, 0))
from unnest(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) as leg (account, counterparty, direction, currency, data_key,
    known_by, amount, booked_at, postings, named)
group by account, counterparty, direction, currency, data_key, postings
order by account, counterparty
on conflict (account, counterparty, direction, currency, data_key) do update
set known_by = least(t.known_by, excluded.known_by), legs = t.legs + excluded.legs, amount = t.amount + excluded.amount,
    first_at = least(t.first_at, excluded.first_at), last_at = greatest(t.last_at, excluded.last_at),
    named = greatest(t.named, excluded.named)

-- sweep --
-- Edges under keys that were destroyed.
delete from kyc_read.counterparty_edge{b} t using kyc_keys.data_key k
where k.destroyed_at >= %s and t.account = k.subject and t.data_key = k.id

-- of_customer --
-- With whom a customer dealt in a span of time, through accounts while they were held. Edges that lie wholly within
-- it count as they stand; of the others, the legs within it are counted; where a transaction has several other
-- sides, each of these legs says its part.
with held as (
    select h.account,
        greatest(%(start)s::timestamptz, min(h.since)::timestamp at time zone %(zone)s) as start,
        least(%(stop)s::timestamptz, max(coalesce(h.until, 'infinity'))::timestamp at time zone %(zone)s) as stop
    from kyc_read.account_holding h
    where h.customer = %(customer)s and h.role in ('owner', 'joint') group by h.account
), edge as (
    select e.*, h.start, h.stop, e.first_at >= h.start and e.last_at < h.stop as whole
    from held h join kyc_read.counterparty_edge e on e.account = h.account
    where e.last_at >= h.start and e.first_at < h.stop
), part as (
    select counterparty, known_by, direction, currency, legs, amount, first_at, last_at, postings, named
    from edge where whole
    union all
    select e.counterparty, e.known_by, e.direction, e.currency, count(*), sum(t.amount), min(t.booked_at),
        max(t.booked_at), e.postings, e.named
    from edge e
    join kyc_read.transaction_index t on t.account = e.account and t.booked_at >= e.start and t.booked_at < e.stop
        and t.counterparty = e.counterparty and t.direction = e.direction and t.currency = e.currency
        and t.data_key = e.data_key
    where not e.whole
    group by e.account, e.counterparty, e.known_by, e.direction, e.currency, e.data_key, e.postings, e.named
    union all
    select r.number, 'leg', t.direction, s.currency, count(*), sum(s.amount), min(t.booked_at), max(t.booked_at),
        null, null
    from held h
    join kyc_read.transaction_index t on t.account = h.account and t.known_by = 'legs' and t.booked_at >= h.start
        and t.booked_at < h.stop
    join kyc_read.transaction_index s on s.reference = t.reference and s.direction <> t.direction
        and s.account <> t.account
    join kyc_read.account_register r on r.stream_id = s.account and r.number is not null
    group by r.number, t.direction, s.currency
    union all
    select d.counterparty, min(d.known_by), d.direction, d.currency, count(*), sum(d.amount), min(d.booked_at),
        max(d.booked_at), (array_agg(d.postings order by d.booked_at desc, d.version desc))[1],
        (array_agg(d.version order by d.booked_at desc, d.version desc))[1]
    from held h cross join lateral ({details}) d
    where d.booked_at >= h.start and d.booked_at < h.stop
    group by d.counterparty, d.direction, d.currency
), summed as (
    select counterparty, min(known_by) as known_by, direction, currency, sum(legs)::bigint as legs,
        sum(amount) as amount, min(first_at) as first_at, max(last_at) as last_at,
        (array_agg(postings order by last_at desc, named desc) filter (where named is not null))[1] as postings,
        (array_agg(named order by last_at desc, named desc) filter (where named is not null))[1] as named
    from part group by counterparty, direction, currency
), ranked as (
    select *, row_number() over (partition by case when %(by)s = 'sum' then currency end
        order by case when %(by)s = 'sum' then amount else legs end desc, counterparty, direction, currency) as place
    from summed
)
select r.counterparty, r.known_by, r.direction, r.currency, r.legs, r.amount, r.first_at, r.last_at, r.postings,
    r.named, a.stream_id, a.holders
from ranked r
left join kyc_read.account_register a on a.number = r.counterparty
where r.place <= %(limit)s order by case when %(by)s = 'sum' then r.currency end, r.place

-- of_counterparty --
-- Which of our accounts dealt with an account, here or elsewhere, the largest number of legs first.
select e.account, a.holders, e.direction, e.currency, sum(e.legs)::bigint, sum(e.amount), min(e.first_at),
    max(e.last_at)
from (
    select account, direction, currency, legs, amount, first_at, last_at
    from kyc_read.counterparty_edge where counterparty = %(counterparty)s
    union all
    select d.account, d.direction, d.currency, 1, d.amount, d.booked_at, d.booked_at from ({details}) d
) e
left join kyc_read.account_register a on a.stream_id = e.account
group by e.account, a.holders, e.direction, e.currency
order by 5 desc, e.account, e.direction, e.currency limit %(limit)s

-- details --
-- Other sides told of beside a booking: each once for its leg, with the payments that name it, never more than the leg;
-- where the leg names the same other side, the edge has it already.
select d.account, d.counterparty, min(d.known_by) as known_by, t.direction, t.currency,
    least(t.amount, sum(case when d.currency = t.currency then d.amount else t.amount end)) as amount, t.booked_at,
    d.postings, max(d.version) as version
from kyc_read.transaction_detail d
join kyc_read.transaction_index t on t.reference = d.reference and t.account = d.account
where {chosen} and t.counterparty is distinct from d.counterparty
group by d.account, d.counterparty, t.direction, t.currency, t.amount, t.booked_at, d.postings, t.lane, t.position
