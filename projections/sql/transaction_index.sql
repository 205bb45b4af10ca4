-- Where each leg of a transaction is recorded, with what one searches by.

-- tables --
-- Amounts, dates and codes in clear; accounts are pseudonymous stream ids, references and counterparties digests.
-- A partition for each year (UTC) of booking, made when it is first needed: the indexes of a year stop growing.
create table kyc_read.transaction_index{b} (
    lane smallint not null,
    position bigint not null,
    postings uuid not null,
    version bigint not null,
    account uuid not null,
    reference uuid not null,                    -- keyed digest, equal to the key of the claim
    counterparty uuid,                          -- keyed digest of the other side, as far as it is known
    known_by text,                              -- account, leg, document or name; legs: there are several
    data_key uuid not null,
    direction text not null,
    amount numeric not null,
    currency text not null,
    cny numeric,                                -- what it was worth, by the rates in the event
    usd numeric,
    cash boolean not null,
    cross_border boolean not null,
    booked_at timestamptz not null,
    value_date date not null,
    branch text not null,
    channel text not null,
    kind text not null,
    primary key (lane, position, booked_at)
) partition by range (booked_at);
create index transaction_index{b}_account on kyc_read.transaction_index{b} (account, booked_at);
create index transaction_index{b}_reference on kyc_read.transaction_index{b} (reference);
create index transaction_index{b}_counterparty on kyc_read.transaction_index{b} (counterparty, booked_at)
    where counterparty is not null;
create index transaction_index{b}_several on kyc_read.transaction_index{b} (account) where known_by = 'legs';
create index transaction_index{b}_branch on kyc_read.transaction_index{b} (branch, booked_at);
create index transaction_index{b}_channel on kyc_read.transaction_index{b} (channel, booked_at);
create index transaction_index{b}_amount on kyc_read.transaction_index{b} (amount);
create index transaction_index{b}_booked on kyc_read.transaction_index{b} using brin (booked_at) with (autosummarize = on);
-- Other sides that became known beside a booking: of its payments, or completed later. Few; bookings never touch it.
create table kyc_read.transaction_detail{b} (
    lane smallint not null,
    position bigint not null,
    postings uuid not null,
    version bigint not null,
    account uuid not null,
    reference uuid not null,                    -- of the booking
    counterparty uuid not null,                 -- keyed digest, as above
    known_by text not null,
    data_key uuid not null,
    amount numeric,                             -- of the payment; null: all of the booking
    currency text,
    primary key (lane, position)
);
create index transaction_detail{b}_counterparty on kyc_read.transaction_detail{b} (counterparty);
create index transaction_detail{b}_account on kyc_read.transaction_detail{b} (account, reference);
create index transaction_detail{b}_key on kyc_read.transaction_detail{b} (account, data_key)

-- missing --
-- The years among some that have no partition yet.
select y from unnest(%s::int[]) as years (y)
where to_regclass('kyc_read.transaction_index{b}_y' || y) is null order by y

-- lock --
-- One maker of partitions at a time; neither readers nor writers wait.
lock table kyc_read.transaction_index{b} in share update exclusive mode

-- partition --
-- A year, made beside the table and attached to it, which needs no stronger lock.
create table {year} (like kyc_read.transaction_index{b} including defaults including constraints)

-- attach --
-- From its first instant to that of the next.
alter table kyc_read.transaction_index{b} attach partition {year} for values from ({start}) to ({stop})

-- sweep --
-- Legs under keys that were destroyed leave the index.
delete from kyc_read.transaction_index{b} t using kyc_keys.data_key k
where k.destroyed_at >= %s and t.account = k.subject and t.data_key = k.id

-- sweep_details --
-- And so do other sides that stand under such keys.
delete from kyc_read.transaction_detail{b} t using kyc_keys.data_key k
where k.destroyed_at >= %s and t.account = k.subject and t.data_key = k.id

-- detailed --
-- The legs of which somebody became known as the other side beside the booking.
select distinct account, reference from kyc_read.transaction_detail where counterparty = %s

-- of_reference --
-- The legs of one transaction.
select postings, version, account, reference, counterparty, direction, amount, currency, booked_at, value_date,
    branch, channel, kind, lane, position
from kyc_read.transaction_index where reference = %s order by lane, position

-- search --
-- Legs by what was given, oldest first; nothing given about a column means any.
select postings, version, account, reference, counterparty, direction, amount, currency, booked_at, value_date,
    branch, channel, kind, lane, position
from kyc_read.transaction_index
where {conditions}
order by booked_at, lane, position limit {limit}

-- count --
-- How many different transactions are indexed.
select count(distinct reference) from kyc_read.transaction_index
