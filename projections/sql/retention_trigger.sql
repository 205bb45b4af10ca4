-- What starts, stops and forbids: triggers and holds per unit of disposal. Deadlines are computed when asked for.

-- tables --
-- A unit of disposal is a data key: one subject, record class and clock period.
create table kyc_read.retention_trigger{b} (
    data_key uuid not null,
    trigger text collate "C" not null,
    subject uuid not null,
    record_class text collate "C" not null,
    period text collate "C" not null,
    on_date date not null,                      -- its latest day
    primary key (data_key, trigger)
);
create index retention_trigger{b}_subject on kyc_read.retention_trigger{b} (subject);
create table kyc_read.retention_hold{b} (
    subject uuid not null,
    hold uuid not null,                         -- keyed digest of the hold's number
    basis text not null,
    classes text[] not null,                    -- empty: all
    since date,                                 -- period of the records it lies on
    until date,
    placed_on date not null,
    ended_on date,                              -- from this day on it holds no more
    data_key uuid not null,
    primary key (subject, hold)
)

-- add --
-- Raise the dates of triggers; the data key names the unit.
insert into kyc_read.retention_trigger{b} as t (data_key, trigger, subject, record_class, period, on_date)
select k.id, n.trigger, k.subject, k.record_class, k.period, n.on_date
from unnest(%s, %s, %s, %s::date[]) as n (lane, data_key, trigger, on_date)
join kyc_keys.data_key k on k.lane = n.lane and k.id = n.data_key
on conflict (data_key, trigger) do update set on_date = excluded.on_date where t.on_date < excluded.on_date

-- place --
-- Holds that were placed.
insert into kyc_read.retention_hold{b} (subject, hold, basis, classes, since, until, placed_on, data_key)
values (%s, %s, %s, %s, %s, %s, %s, %s)
on conflict (subject, hold) do update set basis = excluded.basis, classes = excluded.classes, since = excluded.since,
    until = excluded.until, placed_on = excluded.placed_on, ended_on = null, data_key = excluded.data_key

-- release --
-- Holds that were released.
update kyc_read.retention_hold{b} set ended_on = %s where subject = %s and hold = %s

-- sweep --
-- Triggers of units that were disposed of. Holds stay: they are about records to come, too.
delete from kyc_read.retention_trigger{b} t using kyc_keys.data_key k
where k.destroyed_at >= %s and t.data_key = k.id

-- triggers --
-- The triggers of some subjects, or of all.
select subject, record_class, period, trigger, on_date from kyc_read.retention_trigger
where %s::uuid[] is null or subject = any (%s::uuid[]) order by subject, record_class, period, trigger, data_key

-- holds --
-- The holds on some subjects, or on all.
select subject, hold, basis, classes, since, until, placed_on, ended_on from kyc_read.retention_hold
where %s::uuid[] is null or subject = any (%s::uuid[]) order by subject, hold

-- subjects --
-- Subjects with records, page by page.
select distinct subject from kyc_read.retention_trigger
where subject > %s and (%s::uuid[] is null or subject = any (%s::uuid[])) order by subject limit %s
