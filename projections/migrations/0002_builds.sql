-- Builds: every read model keeps its rows in tables of its own build, made by the service itself from
-- projections/sql; a view of the model's name shows the live one. So a rebuild runs beside what is being read, and a
-- swap is one transaction. The first form of the read models is dropped: they are built again from the log.

drop table kyc_read.customer_profile, kyc_read.account_register, kyc_read.transaction_index,
    kyc_read.retention_trigger, kyc_read.position, kyc_read.failure, kyc_read.version;

create table kyc_read.build (
    projection text collate "C" not null,
    build int not null check (build > 0),
    version int not null,                       -- of the code that fills it
    live boolean not null,
    tables text[] not null,                     -- without the build's suffix
    swept_to bigint not null default 0,         -- keys destroyed up to here were swept out of its rows
    primary key (projection, build)
);
create unique index build_live on kyc_read.build (projection) where live;

-- How far each build has read each lane; moved in the transaction that writes its rows.
create table kyc_read.position (
    projection text collate "C" not null,
    build int not null,
    lane smallint not null,
    position bigint not null,
    primary key (projection, build, lane)
) with (fillfactor = 50);

-- A projection that cannot go on in a lane, and the event that stopped it. Codes and places only.
create table kyc_read.failure (
    projection text collate "C" not null,
    build int not null,
    lane smallint not null,
    position bigint not null,
    stream_id uuid not null,
    version bigint not null,
    topic text not null,
    error text not null,
    failed_at bigint not null,                  -- microseconds since 1970-01-01T00:00:00Z
    primary key (projection, build, lane)
);

-- Sweeping looks for keys destroyed lately.
create index data_key_destroyed on kyc_keys.data_key (destroyed_at) where destroyed_at is not null;

-- Read models are no evidence: the service may make them, change them and throw them away.
grant create on schema kyc_read to kyc_service;
grant select, insert, update, delete on all tables in schema kyc_read to kyc_service;
