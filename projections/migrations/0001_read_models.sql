-- Read models: rebuildable from the log at any time, evidence of nothing. Personal fields are encrypted under their
-- subject's data key; what is searched is a keyed digest; amounts, dates, codes and stream ids are in clear.

create schema kyc_read;

-- How far each projection has read each lane; moved in the transaction that writes its rows.
create table kyc_read.position (
    projection text collate "C" not null,
    lane smallint not null,
    position bigint not null,
    primary key (projection, lane)
);

-- A projection that cannot go on, and the event that stopped it.
create table kyc_read.failure (
    projection text collate "C" primary key,
    lane smallint not null,
    position bigint not null,
    error text not null,
    field text,
    failed_at bigint not null
);

create table kyc_read.version (
    projection text collate "C" primary key,
    version int not null
);

create table kyc_read.customer_profile (
    stream_id uuid primary key,
    number uuid not null,                       -- keyed digest of the customer number
    identifiers uuid[] not null,                -- keyed digests of document numbers
    type text not null,
    branch text not null,
    status text not null,
    version bigint not null,                    -- of the last event that is in the profile
    data_key uuid not null,
    profile bytea not null                      -- nonce ‖ AES-256-GCM(data key, JSON); empty once disposed of
);
create index customer_profile_number on kyc_read.customer_profile (number);
create index customer_profile_identifiers on kyc_read.customer_profile using gin (identifiers);

create table kyc_read.account_register (
    stream_id uuid primary key,
    number uuid not null,                       -- keyed digest of the account number
    currency text not null,
    opened_on date not null,
    closed_on date,
    holders uuid[] not null,                    -- customer stream ids
    version bigint not null
);
create index account_register_number on kyc_read.account_register (number);
create index account_register_holders on kyc_read.account_register using gin (holders);

create table kyc_read.transaction_index (
    lane smallint not null,
    position bigint not null,
    postings uuid not null,
    version bigint not null,
    account uuid not null,
    reference uuid not null,                    -- keyed digest, equal to the key of the claim
    counterparty uuid,                          -- keyed digest of the counterparty's account
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
create index transaction_index_account on kyc_read.transaction_index (account, booked_at);
create index transaction_index_reference on kyc_read.transaction_index (reference);

-- What starts a retention clock, per subject, record class and clock period; deadlines are computed when asked for.
create table kyc_read.retention_trigger (
    subject uuid not null,
    record_class text collate "C" not null,
    period text collate "C" not null,
    trigger text collate "C" not null,
    on_date date not null,
    primary key (subject, record_class, period, trigger)
);

grant usage on schema kyc_read to kyc_service;
grant select, insert, update, delete on all tables in schema kyc_read to kyc_service;
