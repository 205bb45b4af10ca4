-- What branches recorded and when: counts by quarter of an hour, so that a day is one of any zone; what came late.

-- tables --
-- Headers only: what was recorded stays counted when its content is disposed of. Rows belong to lanes.
create table kyc_read.branch_activity{b} (
    branch text collate "C" not null,
    slot timestamptz not null,                  -- beginning of the quarter of an hour
    lane smallint not null,
    topic text collate "C" not null,
    events bigint not null,
    primary key (branch, slot, lane, topic)
);
-- What happened in an earlier quarter of an hour than it was recorded in; whether on an earlier day, the zone says.
create table kyc_read.branch_late{b} (
    branch text collate "C" not null,
    recorded_at timestamptz not null,
    lane smallint not null,
    position bigint not null,
    stream_id uuid not null,
    version bigint not null,
    topic text collate "C" not null,
    occurred_at timestamptz not null,
    data_key uuid not null,
    primary key (branch, recorded_at, lane, position)
);
create index branch_late{b}_key on kyc_read.branch_late{b} (data_key);
-- Days and months that a branch has closed.
create table kyc_read.branch_closing{b} (
    stream_id uuid not null,
    version bigint not null,
    branch text collate "C" not null,
    first date not null,
    last date not null,                         -- a month's last day; a day's own
    recorded bigint not null,                   -- as the closing says
    late bigint not null,
    refused bigint,
    actor text not null,
    closed_at timestamptz not null,
    data_key uuid not null,
    primary key (stream_id, version)
);
create index branch_closing{b}_branch on kyc_read.branch_closing{b} (branch, first, last)

-- count --
-- Events of a batch; a quarter of an hour is told by its number since the epoch.
insert into kyc_read.branch_activity{b} as t (branch, slot, lane, topic, events)
select branch, timestamptz 'epoch' + slot * interval '15 minutes', lane, topic, events
from unnest(%s, %s, %s, %s, %s) as n (branch, slot, lane, topic, events) order by 1, 2, 3, 4
on conflict (branch, slot, lane, topic) do update set events = t.events + excluded.events

-- sweep_late --
-- When something happened is known from its content only.
delete from kyc_read.branch_late{b} t using kyc_keys.data_key k where k.destroyed_at >= %s and t.data_key = k.id

-- sweep_closings --
-- Closings under keys that were destroyed.
delete from kyc_read.branch_closing{b} t using kyc_keys.data_key k
where k.destroyed_at >= %s and t.stream_id = k.subject and t.data_key = k.id

-- recorded --
-- What a branch recorded in a span of time, by day of a zone and topic.
select (slot at time zone %(zone)s)::date, topic, sum(events)::bigint
from kyc_read.branch_activity where branch = %(branch)s and slot >= %(start)s and slot < %(stop)s
group by 1, 2 order by 1, 2

-- late_days --
-- How much of it had happened on an earlier day of the zone.
select (recorded_at at time zone %(zone)s)::date, count(*)
from kyc_read.branch_late
where branch = %(branch)s and recorded_at >= %(start)s and recorded_at < %(stop)s
    and (occurred_at at time zone %(zone)s)::date < (recorded_at at time zone %(zone)s)::date
group by 1 order by 1

-- late --
-- What that was, in the order it was recorded.
select stream_id, version, topic, recorded_at, occurred_at
from kyc_read.branch_late
where branch = %(branch)s and recorded_at >= %(start)s and recorded_at < %(stop)s
    and (occurred_at at time zone %(zone)s)::date < (recorded_at at time zone %(zone)s)::date
order by recorded_at, lane, position limit %(limit)s

-- closings --
-- How a span of days was closed, in the order that was recorded.
select first, last, recorded, late, refused, actor, closed_at
from kyc_read.branch_closing where branch = %(branch)s and first >= %(first)s and last <= %(last)s
order by closed_at, version
