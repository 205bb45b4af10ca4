-- What comparing read models with the log reads and makes, all of it in one transaction that is rolled back.

-- steady --
-- One state of the rows, and no waiting for the disk.
set transaction isolation level repeatable read, read write

-- session --
-- A number that no other session has.
select pg_backend_pid()

-- positions --
-- How far a build has read each lane.
select lane::int, position from kyc_read.position where projection = %s and build = %s

-- swept_to --
-- Up to when its rows were swept.
select swept_to from kyc_read.build where projection = %s and build = %s

-- key --
-- The columns of a table's primary key.
select a.attname
from pg_index i
cross join lateral unnest(i.indkey) with ordinality as k (number, place)
join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number
where i.indrelid = %s::regclass and i.indisprimary
order by k.place

-- differences --
-- Rows that one of two tables has and the other has not, by key; whether the first has one of that key, and the second.
select key, bool_or(ours), bool_or(not ours)
from (
    (select row({key})::text as key, true as ours from (select * from {fresh} except select * from {copy}) a)
    union all
    (select row({key})::text, false from (select * from {copy} except select * from {fresh}) b)
) d
group by key order by key limit %s
