-- Snapshots of folded states, for applications built with the eventsourcing library. Encrypted under the subject's
-- data key; tied to the chain by the hash of the event they stand on. They can be thrown away at any time.

create table kyc.snapshot (
    lane smallint not null,
    stream_id uuid not null,
    version bigint not null,
    topic text not null,
    data_key uuid not null,
    hash bytea not null,                        -- of the event it stands on
    commitment bytea not null check (length(commitment) = 32),
    state bytea not null,
    primary key (lane, stream_id, version)
);
grant select, insert, delete on kyc.snapshot to kyc_service;
