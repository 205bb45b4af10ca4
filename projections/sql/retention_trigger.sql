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
);
-- Triggers that are no events of ours: said of a subject's records of a class, whatever their period.
create table kyc_read.retention_stated{b} (
    subject uuid not null,
    record_class text collate "C" not null,
    trigger text collate "C" not null,
    on_date date not null,
    data_key uuid not null,
    primary key (subject, record_class, trigger)
);
-- Which streams have records of a unit: what goes with its key.
create table kyc_read.retention_unit{b} (
    data_key uuid not null,
    stream uuid not null,
    subject uuid not null,
    record_class text collate "C" not null,
    period text collate "C" not null,
    kind text collate "C" not null,             -- of the stream
    branch text collate "C" not null,           -- where the first record was made
    primary key (data_key, stream)
);
-- Files of one person: the survivor and what it absorbed.
create table kyc_read.retention_merge{b} (
    survivor uuid not null,
    absorbed uuid not null,
    data_key uuid not null,
    primary key (survivor, absorbed)
)

-- add --
-- Raise the dates of triggers; the data key names the unit.
insert into kyc_read.retention_trigger{b} as t (data_key, trigger, subject, record_class, period, on_date)
select k.id, n.trigger, k.subject, k.record_class, k.period, n.on_date
from unnest(%s, %s, %s, %s) as n (lane, data_key, trigger, on_date)
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

-- state --
-- A trigger that was said to have happened; the latest day counts.
insert into kyc_read.retention_stated{b} as t (subject, record_class, trigger, on_date, data_key)
values (%s, %s, %s, %s, %s)
on conflict (subject, record_class, trigger) do update set on_date = excluded.on_date, data_key = excluded.data_key
    where t.on_date < excluded.on_date

-- retract --
-- Triggers that no longer hold: the customer came back.
delete from kyc_read.retention_stated{b} where subject = %s and record_class = %s and on_date <= %s

-- sweep_stated --
-- What was said under keys that were destroyed.
delete from kyc_read.retention_stated{b} t using kyc_keys.data_key k
where k.destroyed_at >= %s and t.data_key = k.id

-- sweep --
-- Triggers of units that were disposed of. Holds stay: they are about records to come, too.
delete from kyc_read.retention_trigger{b} t using kyc_keys.data_key k
where k.destroyed_at >= %s and t.data_key = k.id

-- triggers --
-- The triggers of some subjects, or of all.
select subject, record_class, period, trigger, on_date from kyc_read.retention_trigger
where %s::uuid[] is null or subject = any (%s::uuid[]) order by subject, record_class, period, trigger, data_key

-- stated --
-- What was said of each unit of some subjects, or of all.
select distinct t.subject, t.record_class, t.period, s.trigger, s.on_date
from kyc_read.retention_stated s
join kyc_read.retention_trigger t on t.subject = s.subject and t.record_class = s.record_class
where %s::uuid[] is null or s.subject = any (%s::uuid[]) order by 1, 2, 3, 4

-- holds --
-- The holds on some subjects, or on all.
select subject, hold, basis, classes, since, until, placed_on, ended_on from kyc_read.retention_hold
where %s::uuid[] is null or subject = any (%s::uuid[]) order by subject, hold

-- add_units --
-- Which streams have records of a unit; where the first one was made stays.
insert into kyc_read.retention_unit{b} (data_key, stream, subject, record_class, period, kind, branch)
select k.id, n.stream, k.subject, k.record_class, k.period, n.kind, n.branch
from unnest(%s, %s, %s, %s, %s) as n (lane, data_key, stream, kind, branch)
join kyc_keys.data_key k on k.lane = n.lane and k.id = n.data_key
on conflict do nothing

-- sweep_units --
-- Units that were disposed of.
delete from kyc_read.retention_unit{b} t using kyc_keys.data_key k where k.destroyed_at >= %s and t.data_key = k.id

-- merge --
-- Two files are of one person.
insert into kyc_read.retention_merge{b} (survivor, absorbed, data_key) values (%s, %s, %s)
on conflict (survivor, absorbed) do update set data_key = excluded.data_key

-- revert --
-- They are not, after all.
delete from kyc_read.retention_merge{b} where survivor = %s and absorbed = %s

-- sweep_merges --
-- Mergers whose survivor was disposed of.
delete from kyc_read.retention_merge{b} t using kyc_keys.data_key k
where k.destroyed_at >= %s and t.data_key = k.id

-- units --
-- The streams that have records under some keys.
select data_key, stream, subject, record_class, period, kind, branch from kyc_read.retention_unit
where data_key = any (%s) order by data_key, stream
