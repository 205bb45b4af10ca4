-- Statements of the store. Every key starts with the lane; no volatile function, no lock, no sequence, no NOTIFY.

-- service_role --
-- Give up the owner's power for this session: append and read only.
set role kyc_service

-- insert_events --
-- One commit of many callers, one round trip; the rows' places are filled in for each number of rows.
insert into kyc.event (position, version, recorded_at, lane, stream_id, key, data_key, previous, commitment, hash,
    digest, context, state)
values %s

-- insert_all --
-- The same with claims and scans, still one statement and one commit; nothing if a stream relied on has moved.
with events as (
    insert into kyc.event (position, version, recorded_at, lane, stream_id, key, data_key, previous, commitment,
        hash, digest, context, state)
    select * from unnest(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    where not exists (
        select from unnest(%s, %s, %s) as relied (lane, stream_id, version)
        cross join lateral (
            select from kyc.event e
            where e.lane = relied.lane and e.stream_id = relied.stream_id and e.version = relied.version + 1
            limit 1) moved)
    returning 1),
claims as (
    insert into kyc.claim (lane, kind, key, stream_id, version)
    select * from unnest(%s, %s, %s, %s, %s) where exists (select from events)),
scans as (
    insert into kyc.scan (lane, commitment, data_key, digest, state)
    select * from unnest(%s, %s, %s, %s, %s) where exists (select from events)
    on conflict do nothing)
select count(*) from events

-- moved --
-- Which of the streams relied on have gone beyond the version that was seen.
select relied.stream_id
from unnest(%s, %s, %s) as relied (lane, stream_id, version)
cross join lateral (
    select from kyc.event e
    where e.lane = relied.lane and e.stream_id = relied.stream_id and e.version = relied.version + 1
    limit 1) moved

-- copy_events --
-- The bulk path.
copy kyc.event (position, version, recorded_at, lane, stream_id, key, data_key, previous, commitment, hash,
    digest, context, state) from stdin (format binary)

-- copy_claims --
-- The bulk path of claims.
copy kyc.claim (lane, kind, key, stream_id, version) from stdin (format binary)

-- insert_scans --
-- Scans of a bulk commit; one that is there already has the same content, because its commitment is the same.
insert into kyc.scan (lane, commitment, data_key, digest, state)
select * from unnest(%s, %s, %s, %s, %s)
on conflict do nothing

-- events_by_key --
-- Which idempotency keys are used already, with what they were used for.
select e.position, e.version, e.recorded_at, e.lane, e.stream_id, e.key, e.data_key, e.previous, e.commitment,
    e.hash, e.digest, e.context, e.state
from unnest(%s, %s) as wanted (lane, key)
join kyc.event e on e.lane = wanted.lane and e.key = wanted.key

-- claims_taken --
-- Which natural keys are taken.
select c.kind, c.key
from unnest(%s, %s, %s) as wanted (lane, kind, key)
join kyc.claim c on c.lane = wanted.lane and c.kind = wanted.kind and c.key = wanted.key

-- heads --
-- Where streams stand; streams without events are left out.
select wanted.stream_id, e.version, e.hash, e.recorded_at
from unnest(%s, %s) as wanted (lane, stream_id)
cross join lateral (
    select version, hash, recorded_at from kyc.event
    where lane = wanted.lane and stream_id = wanted.stream_id
    order by version desc limit 1) e

-- moments --
-- When some events were recorded; those that are not there are left out.
select wanted.at, e.recorded_at
from unnest(%s, %s, %s) with ordinality as wanted (lane, stream_id, version, at)
join kyc.event e on e.lane = wanted.lane and e.stream_id = wanted.stream_id and e.version = wanted.version

-- last_positions --
-- The last position of every lane, 0 for an empty one.
select l.lane::int, coalesce((select max(position) from kyc.event where lane = l.lane::smallint), 0)
from generate_series(0, %s - 1) as l (lane)

-- stream --
-- Events of one stream by version, from a version on, up to a number.
select position, version, recorded_at, lane, stream_id, key, data_key, previous, commitment, hash, digest, context,
    state
from kyc.event
where lane = %s and stream_id = %s and version > %s and version <= %s
order by version

-- streams --
-- All events of a few short streams, stream by stream in order.
select e.position, e.version, e.recorded_at, e.lane, e.stream_id, e.key, e.data_key, e.previous, e.commitment,
    e.hash, e.digest, e.context, e.state
from unnest(%s, %s) as wanted (lane, stream_id)
join kyc.event e on e.lane = wanted.lane and e.stream_id = wanted.stream_id
order by e.lane, e.stream_id, e.version

-- lane_page --
-- The next events of a lane.
select position, version, recorded_at, lane, stream_id, key, data_key, previous, commitment, hash, digest, context,
    state
from kyc.event
where lane = %s and position > %s and position <= %s
order by position

-- claim --
-- Which event holds a natural key.
select stream_id, version from kyc.claim where lane = %s and kind = %s and key = %s

-- holders --
-- Which events hold natural keys of one kind.
select c.key, c.stream_id, c.version
from unnest(%s, %s) as wanted (lane, key)
join kyc.claim c on c.lane = wanted.lane and c.kind = %s and c.key = wanted.key

-- versions --
-- Single events by stream and version.
select e.position, e.version, e.recorded_at, e.lane, e.stream_id, e.key, e.data_key, e.previous, e.commitment,
    e.hash, e.digest, e.context, e.state
from unnest(%s, %s, %s) as wanted (lane, stream_id, version)
join kyc.event e on e.lane = wanted.lane and e.stream_id = wanted.stream_id and e.version = wanted.version

-- scan --
-- One scan by its commitment.
select data_key, digest, state from kyc.scan where lane = %s and commitment = %s

-- living_keys --
-- The undestroyed data keys of names.
select k.id, k.subject, k.record_class, k.period, k.kek, k.wrapped
from unnest(%s, %s, %s, %s) as wanted (lane, subject, record_class, period)
join kyc_keys.data_key k on k.lane = wanted.lane and k.subject = wanted.subject
    and k.record_class = wanted.record_class and k.period = wanted.period and k.destroyed_at is null

-- keys_by_id --
-- Data keys by id, destroyed ones with nothing to unwrap.
select k.id, k.subject, k.record_class, k.period, k.kek, k.wrapped
from unnest(%s, %s) as wanted (lane, id)
join kyc_keys.data_key k on k.lane = wanted.lane and k.id = wanted.id

-- some_keys --
-- A few undestroyed data keys.
select k.id, k.subject, k.record_class, k.period, k.kek, k.wrapped
from kyc_keys.data_key k where k.destroyed_at is null limit 16

-- add_keys --
-- New data keys; a name that got a living key meanwhile keeps that one.
insert into kyc_keys.data_key (lane, id, subject, record_class, period, kek, wrapped, created_at)
select * from unnest(%s, %s, %s, %s, %s, %s, %s, %s)
on conflict do nothing

-- destroy_key --
-- Destroy one data key: true the first time.
select kyc_keys.destroy(%s, %s, %s)

-- empty_destroyed --
-- Empty what a destroyed key protects: events of the named streams, scans, snapshots; rows of each, and bytes.
select events, scans, snapshots, bytes from kyc.empty_destroyed(%s, %s, %s)

-- left_under_key --
-- What is still there under a key: the key, ciphertext of events and scans, snapshots.
select (select count(*) from kyc_keys.data_key where lane = %s and id = %s and length(wrapped) > 0),
    (select count(*) from kyc.event
        where lane = %s and stream_id = any (%s) and data_key = %s and length(state) > 0),
    (select count(*) from kyc.scan where lane = %s and data_key = %s and length(state) > 0),
    (select count(*) from kyc.snapshot where lane = %s and data_key = %s)

-- protected_events --
-- The events of some streams under a key.
select stream_id, version, hash from kyc.event
where lane = %s and stream_id = any (%s) and data_key = %s order by stream_id, version

-- protected_scans --
-- The scans under a key.
select commitment from kyc.scan where lane = %s and data_key = %s order by commitment

-- take_lease --
-- Take or keep the lease: the fencing number, or nothing while another holder's lease runs.
insert into kyc.lease as l (name, holder, fence, expires_at)
values (%s, %s, 1, now() + make_interval(secs => %s))
on conflict (name) do update
set holder = excluded.holder, fence = l.fence + (l.holder <> excluded.holder)::int,
    expires_at = now() + make_interval(secs => %s)
where l.holder = excluded.holder or l.expires_at < now()
returning l.fence

-- hold_lease --
-- Lock the lease row until the end of the transaction.
select holder, fence from kyc.lease where name = %s for update

-- release_lease --
-- Let the lease end now.
update kyc.lease set expires_at = now() - interval '1 second' where name = %s and holder = %s

-- sealed_positions --
-- The last sealed position of every lane that has one.
select lane::int, max(position_to) from kyc.segment group by lane

-- predecessors --
-- The event before a given version of a stream, if it stands before a given position of the lane.
select e.stream_id, e.version, e.hash, e.recorded_at
from unnest(%s, %s, %s, %s) as wanted (lane, stream_id, version, position)
join kyc.event e on e.lane = wanted.lane and e.stream_id = wanted.stream_id and e.version = wanted.version
    and e.position < wanted.position

-- insert_segments --
-- Which positions became which leaves.
insert into kyc.segment (lane, position_from, position_to, first_index) select * from unnest(%s, %s, %s, %s)

-- insert_tiles --
-- Full tiles of the tree.
insert into kyc.tile (level, index, hashes) select * from unnest(%s, %s, %s)

-- insert_checkpoint --
-- The signed head; its size is its key, so two sealers cannot both sign one.
insert into kyc.checkpoint (size, root, note, fence, signed_at) values (%s, %s, %s, %s, %s)

-- checkpoint --
-- The newest checkpoint, or the one of a size.
select size, root, note, fence, signed_at from kyc.checkpoint
where %s::bigint is null or size = %s order by size desc limit 1

-- insert_cosigned --
-- A checkpoint with the cosignatures that made the quorum.
insert into kyc.cosigned (size, cosigned_at, note) values (%s, %s, %s) on conflict do nothing

-- cosigned --
-- The newest cosigned checkpoint.
select k.size, k.root, c.note, k.fence, k.signed_at
from kyc.cosigned c join kyc.checkpoint k on k.size = c.size
order by c.size desc, c.cosigned_at desc limit 1

-- succeeded --
-- Whether a verifier key was handed over to another.
select exists (select from kyc.key_statement where succeeded = %s)

-- insert_key_statement --
-- The next statement about a signing key; its number is its key, so two cannot be made at once.
insert into kyc.key_statement (number, made_at, succeeded, note)
select coalesce(max(number), 0) + 1, %s, %s, %s from kyc.key_statement
returning number

-- key_statements --
-- All statements about signing keys.
select number, note from kyc.key_statement order by number

-- insert_anchor --
-- A timestamp over a checkpoint or a statement.
insert into kyc.anchor (kind, number, made_at, token, authority) values (%s, %s, %s, %s, %s)

-- anchors --
-- All timestamps over checkpoints and statements.
select kind, number, token, authority from kyc.anchor order by kind, number, made_at

-- segments --
-- Segments that hold some of the global indices from one (inclusive) to another (exclusive).
select lane, position_from, position_to, first_index from kyc.segment
where first_index >= (select coalesce(max(first_index), 0) from kyc.segment where first_index <= %s)
    and first_index < %s
order by first_index

-- index_of --
-- The global index of a lane position.
select first_index + %s - position_from from kyc.segment
where lane = %s and position_from <= %s and position_to >= %s

-- tile --
-- One full tile.
select hashes from kyc.tile where level = %s and index = %s

-- insert_snapshot --
-- One snapshot; a second of the same version is refused by the key.
insert into kyc.snapshot (lane, stream_id, version, topic, data_key, hash, commitment, state)
values (%s, %s, %s, %s, %s, %s, %s, %s)

-- snapshots --
-- Snapshots of a stream, newest first.
select version, topic, data_key, hash, commitment, state from kyc.snapshot
where lane = %s and stream_id = %s and version > %s and version <= %s
order by version desc

-- track --
-- That an upstream notification was processed: a claim whose key is the application and the position.
insert into kyc.claim (lane, kind, key, stream_id, version) values (%s, %s, %s, %s, 0)

-- tracked --
-- The last processed notification of an upstream application.
select key from kyc.claim where lane = %s and kind = %s and key between %s and %s order by key desc limit 1
