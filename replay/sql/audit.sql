-- What an audit reads, in one snapshot. Nothing here relies on a constraint: whoever tampers drops them first.

-- snapshot --
-- One state of the database for the whole audit; writers go on meanwhile.
set transaction isolation level repeatable read, read only

-- export --
-- A name for this state of the database.
select pg_export_snapshot()

-- constants --
-- Name and lanes of the log.
select origin, lanes from kyc.log

-- lane_counts --
-- Which lanes hold events, and how many.
select lane::int, count(*) from kyc.event group by lane order by lane

-- lane_rows --
-- All events of a lane in commit order, as they are taken apart in replay/audit_rows.py.
copy (
    select position, version, recorded_at, lane, stream_id, key, data_key, previous, commitment, hash, digest, context,
        state
    from kyc.event where lane = %s and (position > %s or position is null) order by position
) to stdout (format binary)

-- stream_rows --
-- All events of a stream, in the lane it belongs to.
select position, version, recorded_at, lane, stream_id, key, data_key, previous, commitment, hash, digest, context,
    state
from kyc.event where lane = %s and stream_id = %s order by version, position

-- lane_segments --
-- All segments of a lane in the order of their positions.
select position_from, position_to, first_index from kyc.segment where lane = %s and position_to > %s
order by position_from, first_index

-- all_segments --
-- All segments in the order of the log.
select first_index, lane::int, position_from, position_to from kyc.segment order by first_index, lane, position_from

-- all_checkpoints --
-- All checkpoints from the smallest.
select size, root, note from kyc.checkpoint order by size

-- all_cosigned --
-- Checkpoints as they were given out, beside what is stored of the same size.
select c.size, k.root, c.note from kyc.cosigned c left join kyc.checkpoint k on k.size = c.size
order by c.size, c.cosigned_at

-- tiles --
-- Some tiles.
select t.level::int, t.index, t.hashes
from unnest(%s, %s) as wanted (level, index)
join kyc.tile t on t.level = wanted.level and t.index = wanted.index

-- extra_tiles --
-- Tiles that a log of this size does not have.
select level::int, index from kyc.tile
where level not between 0 and 6 or index < 0 or index >= (%s::bigint >> (8 * (level + 1)))
order by level, index limit %s

-- tile_count --
-- How many tiles there are.
select count(*) from kyc.tile

-- segment_at --
-- The segment that holds a global index.
select lane::int, position_from + %s - first_index from kyc.segment
where first_index <= %s and first_index + position_to - position_from >= %s
order by first_index desc limit 1

-- event_at --
-- Which event stands at a place.
select stream_id, version from kyc.event where lane = %s and position = %s

-- keys --
-- What became of data keys.
select k.id, k.destroyed_at is not null, length(k.wrapped)
from unnest(%s, %s) as wanted (lane, id)
join kyc_keys.data_key k on k.lane = wanted.lane and k.id = wanted.id

-- scans_present --
-- Which scans are stored.
select s.lane::int, s.commitment
from unnest(%s, %s) as wanted (lane, commitment)
join kyc.scan s on s.lane = wanted.lane and s.commitment = wanted.commitment

-- all_scans --
-- All scans.
select lane::int, commitment, data_key, digest, state from kyc.scan order by lane, commitment

-- claims --
-- Where claims point.
select c.kind, c.key, c.stream_id, c.version
from unnest(%s, %s, %s) as wanted (lane, kind, key)
join kyc.claim c on c.lane = wanted.lane and c.kind = wanted.kind and c.key = wanted.key

-- claim_counts --
-- How many claims there are, and how many of some kinds.
select count(*), count(*) filter (where kind = any (%s)) from kyc.claim

-- dangling_claims --
-- Claims that lead to no event where one of that stream would be, but for those of some kinds.
select c.lane::int, c.kind, c.key, c.stream_id, c.version
from kyc.claim c
left join kyc.event e on e.stream_id = c.stream_id and e.version = c.version
    and e.lane = ((get_byte(uuid_send(c.stream_id), 0) << 8 | get_byte(uuid_send(c.stream_id), 1)) * %s::int) >> 16
where c.kind <> all (%s) and (e.stream_id is null or c.lane is null or c.key is null)
    or c.kind is null

-- all_claims --
-- All claims of some kinds.
select lane::int, kind, key, stream_id, version from kyc.claim where kind = any (%s) order by lane, kind, key

-- events_named --
-- Some events by stream and version.
select e.position, e.version, e.recorded_at, e.lane, e.stream_id, e.key, e.data_key, e.previous, e.commitment,
    e.hash, e.digest, e.context, e.state
from unnest(%s, %s, %s) as wanted (lane, stream_id, version)
join kyc.event e on e.lane = wanted.lane and e.stream_id = wanted.stream_id and e.version = wanted.version


-- key_statements --
-- Statements about signing keys.
select number, note from kyc.key_statement order by number

-- anchors --
-- Timestamps over checkpoints and statements, beside what they are about.
select a.kind, a.number, a.token, a.authority, coalesce(c.note, s.note)
from kyc.anchor a
left join kyc.checkpoint c on a.kind = 'checkpoint' and c.size = a.number
left join kyc.key_statement s on a.kind = 'key' and s.number = a.number
order by a.kind, a.number, a.made_at


-- lanes_at --
-- How far the lanes were sealed when the log had a size.
select lane::int, max(position_to) from kyc.segment where first_index < %s group by lane

-- index_of --
-- The global index of a lane position.
select first_index + %s - position_from from kyc.segment
where lane = %s and position_from <= %s and position_to >= %s
