-- Statements of the engine. Position rows are always locked in one order, so that two engines wait and never deadlock.

-- builds --
-- All builds there are.
select projection, build, version, live, indexed, tables from kyc_read.build order by projection, build

-- add_build --
-- A new build; the key lets only one of two makers through.
insert into kyc_read.build (projection, build, version, live, indexed, tables) values (%s, %s, %s, %s, %s, %s)

-- add_positions --
-- It has read nothing of any lane.
insert into kyc_read.position (projection, build, lane, position)
select %s, %s, lane, 0 from generate_series(0, %s - 1) as l (lane)

-- lock_builds --
-- The builds of one projection, until the end of the transaction.
select projection, build, version, live, indexed, tables from kyc_read.build where projection = %s
order by build for update

-- go_dark --
-- No build of a projection is live ...
update kyc_read.build set live = false where projection = %s and live

-- go_live --
-- ... but this one.
update kyc_read.build set live = true where projection = %s and build = %s

-- indexed --
-- A build has all its indexes.
update kyc_read.build set indexed = true where projection = %s and build = %s

-- remove_build --
-- Forget a build.
with positions as (delete from kyc_read.position where projection = %s and build = %s),
failures as (delete from kyc_read.failure where projection = %s and build = %s)
delete from kyc_read.build where projection = %s and build = %s

-- positions --
-- How far builds have read, without locking.
select p.projection, p.build, p.lane, p.position
from unnest(%s::text[], %s::int[]) as b (projection, build)
join kyc_read.position p on p.projection = b.projection and p.build = b.build

-- unhurried --
-- Nobody waits for the disk: rows and positions are in one transaction, kept or lost together, and read again.
set local synchronous_commit = off

-- claim --
-- The positions of builds in some lanes, locked until the end of the transaction.
select p.projection, p.build, p.lane, p.position
from unnest(%s::text[], %s::int[]) as b (projection, build)
join kyc_read.position p on p.projection = b.projection and p.build = b.build
where p.lane = any (%s)
order by p.projection, p.build, p.lane for update of p

-- move --
-- Positions move on; a failure that lies behind is over.
with moved as (
    update kyc_read.position p set position = m.position
    from unnest(%s::text[], %s::int[], %s::smallint[], %s::bigint[]) as m (projection, build, lane, position)
    where p.projection = m.projection and p.build = m.build and p.lane = m.lane
    returning p.projection, p.build, p.lane, p.position)
delete from kyc_read.failure f using moved m
where f.projection = m.projection and f.build = m.build and f.lane = m.lane and f.position <= m.position

-- fail --
-- What stopped a projection in a lane.
insert into kyc_read.failure (projection, build, lane, position, stream_id, version, topic, error, failed_at)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
on conflict (projection, build, lane) do update set position = excluded.position, stream_id = excluded.stream_id,
    version = excluded.version, topic = excluded.topic, error = excluded.error, failed_at = excluded.failed_at

-- failures --
-- What stands in the way, lane by lane.
select projection, build, lane, position, stream_id::text, version, topic, error from kyc_read.failure
order by projection, build, lane

-- waiting_since --
-- When the oldest event that was not read yet was recorded.
select min(e.recorded_at)
from unnest(%s::smallint[], %s::bigint[]) as next (lane, position)
join kyc.event e on e.lane = next.lane and e.position = next.position

-- swept_to --
-- Up to when a build was swept.
select swept_to from kyc_read.build where projection = %s and build = %s

-- destroyed_to --
-- When the last key was destroyed.
select max(destroyed_at) from kyc_keys.data_key where destroyed_at is not null

-- swept --
-- A build was swept.
update kyc_read.build set swept_to = %s where projection = %s and build = %s

-- digest --
-- The number of rows and four sums over their hashes: the same in whatever order rows lie. A set is not moved into the
-- sums by the planner: each row is hashed once, not four times, and by several workers.
select count(*), coalesce(sum(a), 0), coalesce(sum(b), 0), coalesce(sum(c), 0), coalesce(sum(d), 0)
from (select unnest(array[sha256(convert_to(t::text, 'UTF8'))]) as hash from {table} t) hashes
cross join lateral (select
    ('x' || encode(substr(hash, 1, 7), 'hex'))::bit(56)::bigint as a,
    ('x' || encode(substr(hash, 8, 7), 'hex'))::bit(56)::bigint as b,
    ('x' || encode(substr(hash, 15, 7), 'hex'))::bit(56)::bigint as c,
    ('x' || encode(substr(hash, 22, 7), 'hex'))::bit(56)::bigint as d) parts
