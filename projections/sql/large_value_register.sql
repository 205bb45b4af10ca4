-- One-off business without an account, which the index of transactions has not; large values detected and reported.

-- tables --
-- Amounts, days and codes in clear; who it was is a keyed digest, or the stream of the customer where there is one.
create table kyc_read.one_off_service{b} (
    stream_id uuid not null,
    version bigint not null,
    data_key uuid not null,
    person uuid not null,                       -- keyed digest of the document, else of the reference
    customer uuid,                              -- stream id, where the person is a customer
    direction text not null,                    -- credit: handed in; debit: paid out
    cash boolean not null,
    kind text not null,
    amount numeric not null,
    currency text not null,
    done_at timestamptz not null,
    branch text not null,
    primary key (stream_id, version)
);
create index one_off_service{b}_done on kyc_read.one_off_service{b} (done_at);
create table kyc_read.large_value_detected{b} (
    stream_id uuid not null,                    -- of what was detected of a customer
    version bigint not null,
    data_key uuid not null,
    day date not null,
    direction text not null,
    feature text not null,
    amount numeric not null,
    currency text not null,
    primary key (stream_id, version)
);
create index large_value_detected{b}_day on kyc_read.large_value_detected{b} (day);
create table kyc_read.large_value_filed{b} (
    stream_id uuid not null,                    -- of the report
    version bigint not null,
    data_key uuid not null,
    detected uuid not null,                     -- stream id of what was detected of a customer
    day date not null,                          -- 9999-12-31: all days up to that of filing
    filed_on date not null,
    primary key (stream_id, version, detected, day)
);
create index large_value_filed{b}_detected on kyc_read.large_value_filed{b} (detected, day)

-- sweep_one_off_service --
delete from kyc_read.one_off_service{b} t using kyc_keys.data_key k
where k.destroyed_at >= %s and t.stream_id = k.subject and t.data_key = k.id

-- sweep_large_value_detected --
delete from kyc_read.large_value_detected{b} t using kyc_keys.data_key k
where k.destroyed_at >= %s and t.stream_id = k.subject and t.data_key = k.id

-- sweep_large_value_filed --
delete from kyc_read.large_value_filed{b} t using kyc_keys.data_key k
where k.destroyed_at >= %s and t.stream_id = k.subject and t.data_key = k.id

-- open --
-- Days detected by a day and not in a report filed by then: the latest word about each sum, oldest day first.
select distinct on (d.day, d.stream_id, d.direction, d.feature, d.currency)
    d.day, d.stream_id, d.version, d.direction, d.feature, d.amount, d.currency
from kyc_read.large_value_detected d
where d.day <= %(on)s and not exists (
    select from kyc_read.large_value_filed f
    where f.detected = d.stream_id and f.filed_on <= %(on)s
        and (f.day = d.day or f.day = '9999-12-31' and f.filed_on >= d.day))
order by d.day, d.stream_id, d.direction, d.feature, d.currency, d.version desc limit %(limit)s

-- one_offs --
-- The one-off business behind a person's day, in the order it was done.
select o.stream_id, o.version
from kyc_read.one_off_service o
where o.done_at >= %(start)s and o.done_at < %(stop)s and coalesce(o.customer, o.person) = %(customer)s
order by o.done_at, o.stream_id limit %(limit)s
