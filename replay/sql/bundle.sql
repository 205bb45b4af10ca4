-- What an export reads besides the events.

-- indexes --
-- The global indices of some positions of a lane; those that are not sealed are left out.
select wanted.position, s.first_index + wanted.position - s.position_from
from unnest(%s) as wanted (position)
cross join lateral (
    select position_from, position_to, first_index from kyc.segment
    where lane = %s and position_from <= wanted.position
    order by position_from desc limit 1) s
where s.position_to >= wanted.position

-- streams_recorded --
-- The first events of a lane's streams that have one recorded from a moment (inclusive) until another (exclusive).
select position, version, recorded_at, lane, stream_id, key, data_key, previous, commitment, hash, digest, context,
    state
from kyc.event
where lane = %s and version = 1 and stream_id in (
    select stream_id from kyc.event where lane = %s and recorded_at >= %s and recorded_at < %s)

-- streams_of_topic --
-- Streams of a lane that begin with an event of a topic, given as its length byte and text.
select stream_id from kyc.event
where lane = %s and version = 1 and position(%s::bytea in substring(context from 3)) = 1
