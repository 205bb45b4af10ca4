-- The log: written once, never changed.
--
-- A lane is a fixed virtual partition of the log, computed from the stream id; it is the first column of every key,
-- so that the same statements run on one node and on a cluster distributed by lane. Positions in a lane are dense and
-- their order is commit order: whoever writes position n + 1 has seen n committed, and the unique key refuses a
-- second n. Nothing personal is stored in clear: payloads are ciphertext, keys and references are keyed digests.

create schema kyc;
create schema kyc_keys;

create table kyc.log (
    one boolean primary key default true check (one),
    origin text not null,
    lanes int not null check (lanes between 1 and 1024)
);

create table kyc.event (
    position bigint not null check (position > 0),
    version bigint not null check (version > 0),
    recorded_at bigint not null,                -- microseconds since 1970-01-01T00:00:00Z
    lane smallint not null,
    stream_id uuid not null,
    key uuid not null,                          -- keyed digest of the caller's idempotency key and the stream
    data_key uuid not null,                     -- outside the chain, so that re-encryption changes no proof
    previous bytea not null,
    commitment bytea not null,
    hash bytea not null,
    digest bytea not null,                      -- of the present ciphertext, outside the chain, checked without keys
    context bytea not null,                     -- topic, schema, actor, branch, purpose, legal basis; docs/format.md
    state bytea not null,                       -- ciphertext; empty once emptied after disposal
    primary key (lane, stream_id, version),
    constraint event_position unique (lane, position),
    constraint event_key unique (lane, key),
    constraint event_hash_fits check (
        hash = sha256('kyc-ledger/event/v1\000'::bytea || previous || '\x01'::bytea || uuid_send(stream_id)
            || int8send(version) || int8send(recorded_at) || uuid_send(key) || context || commitment)),
    constraint event_lengths check (length(previous) = 32 and length(commitment) = 32 and length(digest) = 16)
);
alter table kyc.event alter column state set storage external;      -- ciphertext does not compress

-- A natural key that may be used once in the whole institution, in the lane of the key itself.
create table kyc.claim (
    lane smallint not null,
    kind text collate "C" not null,
    key uuid not null,                          -- keyed digest of the natural key
    stream_id uuid not null,                    -- the event that holds it
    version bigint not null,
    primary key (lane, kind, key)
);

-- Scans of documents, encrypted like payloads and found by their salted commitment.
create table kyc.scan (
    lane smallint not null,
    commitment bytea not null check (length(commitment) = 32),
    data_key uuid not null,
    digest bytea not null check (length(digest) = 16),
    state bytea not null,
    primary key (lane, commitment)
);
alter table kyc.scan alter column state set storage external;

-- Wrapped data keys, in a schema of their own because they need a backup policy of their own: a backup that keeps
-- keys undoes disposal.
create table kyc_keys.data_key (
    lane smallint not null,
    id uuid not null,
    subject uuid not null,
    record_class text collate "C" not null,
    period text collate "C" not null,
    kek text not null,
    wrapped bytea not null,                     -- empty once destroyed
    created_at bigint not null,
    destroyed_at bigint,
    primary key (lane, id),
    constraint destroyed_is_empty check ((destroyed_at is null) = (length(wrapped) > 0))
);
create unique index data_key_living on kyc_keys.data_key (lane, subject, record_class, period)
    where destroyed_at is null;
