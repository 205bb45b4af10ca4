-- What is missing in customers' files or contradicts itself, by the forms in use on a day.

-- tables --
-- Records whose retention clock has an unknown day: nothing runs, everything is kept, until somebody finds it out.
create table kyc_read.unknown_trigger{b} (
    subject uuid not null,                      -- stream id
    record_class text collate "C" not null,
    trigger text collate "C" not null,
    said_on date not null,
    data_key uuid not null,
    primary key (subject, record_class)
);
create index unknown_trigger{b}_key on kyc_read.unknown_trigger{b} (data_key)

-- unknown --
-- Nobody knows when the clock of a class began.
insert into kyc_read.unknown_trigger{b} (subject, record_class, trigger, said_on, data_key) values (%s, %s, %s, %s, %s)
on conflict (subject, record_class) do update
set trigger = excluded.trigger, said_on = excluded.said_on, data_key = excluded.data_key

-- known --
-- It was found out.
delete from kyc_read.unknown_trigger{b} where subject = %s and record_class = %s

-- sweep --
-- What was said under keys that were destroyed.
delete from kyc_read.unknown_trigger{b} t using kyc_keys.data_key k where k.destroyed_at >= %s and t.data_key = k.id

-- scored --
-- Files of customers who are or may become such, held against the form of their type.
with form as (
    select * from unnest(%(types)s::text[], %(fields)s::text[], %(mandatory)s::bool[]) as f (type, field, mandatory)
)
select p.stream_id, p.branch, p.type, p.status, p.template, c.given, c.asked, c.missing, p.findings,
    exists (
        select from kyc_read.document_register d
        where d.stream_id = p.stream_id and d.captured_on <= %(on)s and (d.void_on is null or d.void_on > %(on)s)
            and (d.valid_from is null or d.valid_from <= %(on)s) and (d.expires_on is null or d.expires_on >= %(on)s)
    ) as documented,
    array(
        select u.record_class from kyc_read.unknown_trigger u
        where u.subject = p.stream_id and u.said_on <= %(on)s order by 1
    ) as unknown
from kyc_read.customer_profile p
cross join lateral (
    select count(*) filter (where f.field = any (p.filled)) as given, count(*) as asked,
        coalesce(
            array_agg(f.field order by f.field) filter (where f.mandatory and f.field <> all (p.filled)), array[]::text[]
        ) as missing
    from form f where f.type = p.type) c
where p.status in ('registered', 'verified', 'active') and (%(branch)s::text is null or p.branch = %(branch)s)
    and (%(streams)s::uuid[] is null or p.stream_id = any (%(streams)s)) and p.stream_id > %(after)s

-- listed --
-- Files with something to mend, page by page.
select * from ({scored}) q
where not %(faulty)s or missing <> '{{}}' or findings <> '{{}}' or not documented or unknown <> '{{}}'
order by stream_id limit %(limit)s

-- totals --
-- Each branch: how complete its files are, and how many have something to mend.
select branch, count(*), sum(given)::bigint, sum(asked)::bigint, count(*) filter (where missing <> '{{}}'),
    count(*) filter (where findings <> '{{}}'), count(*) filter (where not documented),
    count(*) filter (where unknown <> '{{}}')
from ({scored}) q group by branch order by branch
