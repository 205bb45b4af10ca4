-- The seal: which lane positions became which leaves of the Merkle log, its full tiles and signed checkpoints.
--
-- A sealer takes the lease, re-derives every hash from the stored rows, and writes segments, tiles and the checkpoint
-- in one transaction that first locks its lease row. Two sealers collide on the keys below; none can do harm.

create table kyc.lease (
    name text primary key,
    holder text not null,
    fence bigint not null,
    expires_at timestamptz not null
);

create table kyc.segment (
    lane smallint not null,
    position_from bigint not null,
    position_to bigint not null check (position_to >= position_from),
    first_index bigint not null unique,         -- global index of position_from; dense from 0
    primary key (lane, position_from)
);

-- Full tiles of 256 hashes (C2SP tlog-tiles); the partial right edge is derived from the events.
create table kyc.tile (
    level smallint not null,
    index bigint not null,
    hashes bytea not null check (length(hashes) = 8192),
    primary key (level, index)
);

create table kyc.checkpoint (
    size bigint primary key,
    root bytea not null check (length(root) = 32),
    note text not null,                         -- C2SP signed note
    fence bigint not null,
    signed_at bigint not null                   -- microseconds since 1970-01-01T00:00:00Z
);
