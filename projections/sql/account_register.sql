-- Accounts with their holders: pseudonymous ids, dates and codes; the number is a keyed digest.

-- tables --
-- The row of an account whose key is destroyed keeps nothing but the stream id and the version.
create table kyc_read.account_register{b} (
    stream_id uuid primary key,
    number uuid,                                -- keyed digest of the account number
    currency text,
    product text,
    branch text,
    opened_on date,
    closed_on date,
    holders uuid[] not null,                    -- stream ids of the customers who hold it now
    roles text[] not null,                      -- of each holder
    former uuid[] not null,                     -- stream ids of those who held it before
    version bigint not null,                    -- of the last event that is in the row
    data_key uuid
);
create index account_register{b}_number on kyc_read.account_register{b} (number);
create index account_register{b}_holders on kyc_read.account_register{b} using gin (holders, former);
-- Who held an account from when to when.
create table kyc_read.account_holding{b} (
    account uuid not null,                      -- stream id
    version bigint not null,                    -- of the event by which the holder joined
    at smallint not null,                       -- the how manieth of that event
    customer uuid not null,                     -- stream id
    role text not null,
    since date not null,
    until date,                                 -- first day on which it was not held any more
    data_key uuid not null,
    primary key (account, version, at)
);
create index account_holding{b}_customer on kyc_read.account_holding{b} (customer)

-- current --
-- The rows of some accounts.
select stream_id, number, currency, product, branch, opened_on, closed_on, holders, roles, former, version, data_key
from kyc_read.account_register{b} where stream_id = any (%s)

-- delete --
-- Rows about to be written anew.
delete from kyc_read.account_register{b} where stream_id = any (%s)

-- sweep --
-- Rows under keys that were destroyed.
update kyc_read.account_register{b} t
set number = null, currency = null, product = null, branch = null, opened_on = null, closed_on = null,
    holders = '{}', roles = '{}', former = '{}', data_key = null
from kyc_keys.data_key k
where k.destroyed_at >= %s and t.stream_id = k.subject and t.data_key = k.id

-- leave --
-- A holder leaves who joined in an earlier batch.
update kyc_read.account_holding{b} set until = %s where account = %s and customer = %s and until is null

-- sweep_holdings --
-- Holdings under keys that were destroyed.
delete from kyc_read.account_holding{b} t using kyc_keys.data_key k
where k.destroyed_at >= %s and t.account = k.subject and t.data_key = k.id

-- by_number --
-- The account of a number.
select stream_id, currency, product, branch, opened_on, closed_on, holders, roles, former, version, data_key is null
from kyc_read.account_register where number = %s

-- by_stream --
-- The accounts of some streams.
select stream_id, currency, product, branch, opened_on, closed_on, holders, roles, former, version, data_key is null
from kyc_read.account_register where stream_id = any (%s) order by stream_id

-- by_holder --
-- The accounts that customers hold now.
select stream_id, currency, product, branch, opened_on, closed_on, holders, roles, former, version, data_key is null
from kyc_read.account_register where holders && %s order by stream_id

-- by_anybody --
-- The accounts that customers hold or held.
select stream_id, currency, product, branch, opened_on, closed_on, holders, roles, former, version, data_key is null
from kyc_read.account_register where holders && %s or former && %s order by stream_id
