-- How streams are named: their first events say it.

-- firsts --
-- The first event of each of some streams.
select e.position, e.version, e.recorded_at, e.lane, e.stream_id, e.key, e.data_key, e.previous, e.commitment,
    e.hash, e.digest, e.context, e.state
from unnest(%s, %s) as wanted (lane, stream_id)
join kyc.event e on e.lane = wanted.lane and e.stream_id = wanted.stream_id and e.version = 1
