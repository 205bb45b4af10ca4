-- How replay finds events: by time over all lanes, by branch, and streams by what they begin with.

-- earliest --
-- The earliest moment recorded among the next 64 events after a position: one writer's clock may run ahead of
-- another's, so a single event says too little.
select (select min(n.recorded_at) from (
    select recorded_at from kyc.event e where e.lane = w.lane and e.position > w.position
    order by e.position limit 64) n)
from unnest(%s::smallint[], %s::bigint[]) with ordinality as w (lane, position, number)
order by w.number

-- of_branch --
-- Events of a stretch of a lane that were recorded in a span of time and whose context holds a text.
select position, version, recorded_at, lane, stream_id, key, data_key, previous, commitment, hash, digest, context,
    state
from kyc.event
where lane = %s and position > %s and position <= %s and recorded_at >= %s and recorded_at <= %s
    and position(%s::bytea in context) > 0
order by position

-- booked_late --
-- Legs that were booked at a branch in a span of time and recorded behind some positions of their lanes.
select t.postings, t.version
from kyc_read.transaction_index t
join unnest(%s::smallint[], %s::bigint[]) as behind (lane, position)
    on behind.lane = t.lane and t.position > behind.position
where t.branch = %s and t.booked_at >= %s and t.booked_at < %s
order by t.booked_at, t.lane, t.position

-- firsts --
-- The first event of each of some streams.
select e.position, e.version, e.recorded_at, e.lane, e.stream_id, e.key, e.data_key, e.previous, e.commitment,
    e.hash, e.digest, e.context, e.state
from unnest(%s, %s) as wanted (lane, stream_id)
join kyc.event e on e.lane = wanted.lane and e.stream_id = wanted.stream_id and e.version = 1
