-- Where each leg of a transaction is recorded, with what one searches by.

-- tables --
-- Amounts, dates and codes in clear; accounts are pseudonymous stream ids, references and counterparties digests.
create table kyc_read.transaction_index{b} (
    lane smallint not null,
    position bigint not null,
    postings uuid not null,
    version bigint not null,
    account uuid not null,
    reference uuid not null,                    -- keyed digest, equal to the key of the claim
    counterparty uuid,                          -- keyed digest of the counterparty's account
    data_key uuid not null,
    direction text not null,
    amount numeric not null,
    currency text not null,
    booked_at timestamptz not null,
    value_date date not null,
    branch text not null,
    channel text not null,
    kind text not null,
    primary key (lane, position)
);
create index transaction_index{b}_account on kyc_read.transaction_index{b} (account, booked_at);
create index transaction_index{b}_reference on kyc_read.transaction_index{b} (reference);
create index transaction_index{b}_counterparty on kyc_read.transaction_index{b} (counterparty, booked_at)
    where counterparty is not null;
create index transaction_index{b}_branch on kyc_read.transaction_index{b} (branch, booked_at);
create index transaction_index{b}_booked on kyc_read.transaction_index{b} using brin (booked_at) with (autosummarize = on)

-- sweep --
-- Legs under keys that were destroyed leave the index.
delete from kyc_read.transaction_index{b} t using kyc_keys.data_key k
where k.destroyed_at >= %s and t.account = k.subject and t.data_key = k.id

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
