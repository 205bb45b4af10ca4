-- Where due diligence stands for each customer, and from what reviews, screenings and answers are due.

-- tables --
-- Codes and dates in clear; reasons, statements and what was written are encrypted.
create table kyc_read.due_diligence{b} (
    stream_id uuid primary key,                 -- of the customer
    version bigint not null,                    -- of the last event that is in the row
    data_key uuid not null,
    tier text,                                  -- risk as last rated
    model text,                                 -- model and version that rated
    level text not null,                        -- standard, simplified or enhanced
    pep text,                                   -- null: not determined
    open int not null,                          -- discrepancies, hits, measures and objections that are open
    state bytea not null                        -- nonce ‖ AES-256-GCM(data key, JSON)
);
-- From what a review is due, for the days on which that was known; until null: still.
create table kyc_read.due_diligence_review{b} (
    stream_id uuid not null,
    version bigint not null,
    data_key uuid not null,
    tier text not null,                         -- empty: not rated
    anchor date,                                -- last review, or the rating that set the tier
    scheduled date,
    since date not null,
    until date,                                 -- from this day on something else is known
    primary key (stream_id, version)
);
create index due_diligence_review{b}_anchor on kyc_read.due_diligence_review{b} (tier, anchor);
create index due_diligence_review{b}_scheduled on kyc_read.due_diligence_review{b} (tier, scheduled);
-- The last screening against each list.
create table kyc_read.due_diligence_screening{b} (
    stream_id uuid not null,
    version bigint not null,
    data_key uuid not null,
    list text not null,
    list_version text not null,
    on_date date not null,
    primary key (stream_id, list)
);
-- Objections to measures, each to be answered in time.
create table kyc_read.due_diligence_objection{b} (
    stream_id uuid not null,
    version bigint not null,
    data_key uuid not null,
    objection uuid not null,                    -- keyed digest of its number
    received_on date not null,
    answered_on date,
    primary key (stream_id, version)
);
create index due_diligence_objection{b}_open on kyc_read.due_diligence_objection{b} (received_on)
    where answered_on is null

-- of_customers --
-- Where due diligence stands for some customers.
select d.stream_id, d.version, d.data_key, d.state
from kyc_read.due_diligence d where d.stream_id = any (%s) order by d.stream_id

-- reviews --
-- Reviews due by a day, by the cycles that are policy on another: the earliest of what was scheduled, of a cycle after
-- the last, and of the day by which customers of before a change of law are reviewed.
with cycle as (
    select * from unnest(
        %(tiers)s::text[], %(months)s::int[], %(days)s::int[], %(lasts)s::date[], %(froms)s::date[], %(bys)s::date[])
        c (tier, months, days, last, law_from, law_by)),
candidate as (
    select r.*, c.months, c.days, c.law_from, c.law_by from cycle c
    join kyc_read.due_diligence_review r on r.tier = c.tier and r.anchor <= c.last
    union
    select r.*, c.months, c.days, c.law_from, c.law_by from cycle c
    join kyc_read.due_diligence_review r on r.tier = c.tier and r.scheduled <= %(by)s)
select r.stream_id, due.on_date, r.tier, r.anchor, r.scheduled, p.branch
from candidate r
join kyc_read.customer_profile p on p.stream_id = r.stream_id
cross join lateral (
    select least(r.scheduled, {later}, case when r.anchor < r.law_from then r.law_by end) as on_date) due
where due.on_date <= %(by)s and (due.on_date, r.stream_id) > (%(after_day)s, %(after)s)
    and r.since <= %(on)s and (r.until is null or r.until > %(on)s)
    and p.status in ('verified', 'active') and (%(branch)s::text is null or p.branch = %(branch)s)
order by due.on_date, r.stream_id limit %(limit)s

-- unrated --
-- How many customers in a relationship were never rated: no cycle says when they are reviewed.
select count(*) from kyc_read.customer_profile p
where p.status = 'active' and (%(branch)s::text is null or p.branch = %(branch)s) and not exists (
    select from kyc_read.due_diligence d where d.stream_id = p.stream_id and d.tier is not null)

-- stale --
-- Customers whose last screening against a list was not against this version of it, or who were never screened.
select p.stream_id, s.list_version, s.on_date, p.branch
from kyc_read.customer_profile p
left join kyc_read.due_diligence_screening s on s.stream_id = p.stream_id and s.list = %(list)s
where p.status in ('verified', 'active') and s.list_version is distinct from %(version)s
    and (%(branch)s::text is null or p.branch = %(branch)s) and p.stream_id > %(after)s
order by p.stream_id limit %(limit)s

-- objections --
-- Objections that wait for an answer on a day and want it by another.
select o.stream_id, o.version, o.received_on, due.on_date, p.branch
from kyc_read.due_diligence_objection o
join kyc_read.customer_profile p on p.stream_id = o.stream_id
cross join lateral (select {later} as on_date) due
where o.received_on <= %(on)s and (o.answered_on is null or o.answered_on > %(on)s)
    and o.received_on <= %(last)s and due.on_date <= %(by)s
    and (%(branch)s::text is null or p.branch = %(branch)s)
order by due.on_date, o.stream_id, o.version limit %(limit)s
