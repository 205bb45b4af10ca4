-- Deadlines of every unit at once, as docs/retention.md says them: one statement over all triggers, links and holds.
-- kyc/retention/clocks.py is the definition; tests/projections/test_retention_deadlines.py holds the two together.

-- subjects --
-- Subjects with records, page by page.
select distinct subject from kyc_read.retention_trigger
where subject > %s and (%s::uuid[] is null or subject = any (%s::uuid[])) order by subject limit %s

-- mates --
-- Files that are of one person with some of these, themselves included.
with recursive pair (one, other) as (
    select survivor, absorbed from kyc_read.retention_merge
    union select absorbed, survivor from kyc_read.retention_merge),
reach (one, other) as (
    select one, one from pair where one = any (%s)
    union select r.one, p.other from reach r join pair p on p.one = r.other)
select one, other from reach order by one, other

-- by_hash --
-- The planner takes the parts of the statement below for small ones and would hold each row against each.
set local enable_nestloop = off

-- deadlines --
-- The answer for each unit under one edition of the law, or under two (edition 0 and 1).
with recursive
law as (
    select * from jsonb_to_recordset(%(law)s) as l (
        edition int, clock int, jurisdiction text, classes text[], year_end boolean, yields boolean,
        least_months int, least_days int, most_months int, most_days int, cap_months int, cap_days int)),
-- What policies wait for: one row for each combination of triggers and cap.
clock as (
    select * from jsonb_to_recordset(%(clocks)s) as c (
        clock int, of_record boolean, of_customer boolean, of_account boolean, at_customer boolean,
        at_account boolean, cap text,
        account_closed boolean, account_opened boolean, account_reopened boolean, card_dormant boolean,
        consent_withdrawn boolean, customer_deceased boolean, estate_settled boolean, onboarding_refused boolean,
        one_off_completed boolean, purpose_achieved boolean, record_made boolean, relationship_ended boolean,
        relationship_established boolean, relationship_reopened boolean, report_filed boolean,
        transaction_booked boolean)),
-- Step 2: the facts of each unit on or before the day, the latest of each kind.
unit as materialized (
    select row_number() over () as id, subject, record_class, period,
        max(on_date) filter (where trigger = 'account-closed') as account_closed,
        max(on_date) filter (where trigger = 'account-opened') as account_opened,
        max(on_date) filter (where trigger = 'account-reopened') as account_reopened,
        max(on_date) filter (where trigger = 'card-dormant') as card_dormant,
        max(on_date) filter (where trigger = 'consent-withdrawn') as consent_withdrawn,
        max(on_date) filter (where trigger = 'customer-deceased') as customer_deceased,
        max(on_date) filter (where trigger = 'estate-settled') as estate_settled,
        max(on_date) filter (where trigger = 'onboarding-refused') as onboarding_refused,
        max(on_date) filter (where trigger = 'one-off-completed') as one_off_completed,
        max(on_date) filter (where trigger = 'purpose-achieved') as purpose_achieved,
        max(on_date) filter (where trigger = 'record-made') as record_made,
        max(on_date) filter (where trigger = 'relationship-ended') as relationship_ended,
        max(on_date) filter (where trigger = 'relationship-established') as relationship_established,
        max(on_date) filter (where trigger = 'relationship-reopened') as relationship_reopened,
        max(on_date) filter (where trigger = 'report-filed') as report_filed,
        max(on_date) filter (where trigger = 'transaction-booked') as transaction_booked
    from (
        select subject, record_class, period, trigger, case when on_date <= %(on)s then on_date end as on_date
        from kyc_read.retention_trigger
        union all
        select t.subject, t.record_class, t.period, s.trigger, s.on_date
        from kyc_read.retention_stated s
        join (select distinct subject, record_class, period from kyc_read.retention_trigger) t
            on t.subject = s.subject and t.record_class = s.record_class
        where s.on_date <= %(on)s) f
    group by subject, record_class, period),
-- Who is linked with whom: files of one person, holders of an account now or once, accounts of a holder.
pair (one, other) as (
    select survivor, absorbed from kyc_read.retention_merge
    union select absorbed, survivor from kyc_read.retention_merge),
mate (one, other) as (
    select one, one from pair
    union select r.one, p.other from mate r join pair p on p.one = r.other),
holder as materialized (
    select a.stream_id as account, coalesce(m.other, h.holder) as member
    from kyc_read.account_register a cross join unnest(a.holders || a.former) as h (holder)
    left join mate m on m.one = h.holder),
link as materialized (
    select account as subject, member, false as is_account from holder
    union select stream_id, stream_id, true from kyc_read.account_register
    union select member, account, true from holder
    union select s.subject, coalesce(m.other, s.subject), false
    from (select subject from unit except select stream_id from kyc_read.account_register) s
    left join mate m on m.one = s.subject),
-- The facts of a person, by whichever file; whoever has no such records any more was disposed of and counts no more.
file as (
    select subject, max(relationship_established) as established, max(relationship_ended) as ended,
        max(relationship_reopened) as reopened, max(customer_deceased) as died, max(estate_settled) as settled
    from unit group by subject having bool_or(record_class = 'identity')),
person as (
    select *,
        case when died is null or ended < died or settled is null or settled < died then ended
            else greatest(settled, ended) end as ended_at,
        case when died is null or ended < died or settled >= died then reopened
            else 'infinity'::date end as reopened_at
    from (
        select subject as member, established, ended, reopened, died, settled from file
        where not exists (select from mate m where m.one = subject)
        union all
        select m.one, max(established), max(ended), max(reopened), max(died), max(settled)
        from mate m join file f on f.subject = m.other group by m.one) p),
holding as (
    select subject as member, max(account_opened) as opened, max(account_closed) as closed,
        max(account_reopened) as reopened, max(card_dormant) as dormant
    from unit group by subject having bool_or(record_class = 'account')),
-- Steps 3 and 4: where a clock looks, and from when it runs there.
candidate as (
    select p.member, false as is_account, c.clock, c.of_customer as looked,
        c.relationship_ended and (
            coalesce(p.established > coalesce(p.ended_at, '-infinity'), false)
            or coalesce(p.reopened_at >= coalesce(p.ended_at, '-infinity'), false)) as is_open,
        greatest(
            case when c.relationship_ended then p.ended_at end,
            case when c.relationship_established then p.established end,
            case when c.relationship_reopened then p.reopened_at end,
            case when c.customer_deceased then p.died end,
            case when c.estate_settled then p.settled end) as start,
        case c.cap when 'relationship-ended' then p.ended when 'relationship-established' then p.established
            when 'relationship-reopened' then p.reopened when 'customer-deceased' then p.died
            when 'estate-settled' then p.settled end as cap
    from person p join clock c on c.at_customer
    union all
    select h.member, true, c.clock, c.of_account,
        (c.account_closed or c.card_dormant) and (
            coalesce(h.opened > coalesce(e.closed, '-infinity'), false)
            or coalesce(h.reopened >= coalesce(e.closed, '-infinity'), false)),
        greatest(
            e.closed, case when c.account_opened then h.opened end,
            case when c.account_reopened then h.reopened end),
        case c.cap when 'account-closed' then h.closed when 'account-opened' then h.opened
            when 'account-reopened' then h.reopened when 'card-dormant' then h.dormant end
    from holding h join clock c on c.at_account
    cross join lateral (select greatest(
        case when c.account_closed then h.closed end, case when c.card_dormant then h.dormant end) as closed) e),
linked as materialized (
    select l.subject, s.clock, bool_or(s.looked or s.start is not null) as looked,
        coalesce(bool_and(s.start is not null and not s.is_open) filter (where s.looked or s.start is not null),
            true) as ready,
        max(s.start) as start, max(s.cap) as cap
    from link l join candidate s on s.member = l.member and s.is_account = l.is_account
    group by l.subject, s.clock),
-- Step 5: the start of each policy for each unit.
started as (
    select u.id, l.*, greatest(o.cap, k.cap) as cap_from,
        case when (c.of_record or o.start is not null or coalesce(k.looked, false))
            and (o.start is not null or not c.of_record) and coalesce(k.ready, true)
        then greatest(o.start, k.start) end as started
    from unit u
    join (
        select l.*, k.record_class
        from law l cross join lateral unnest(l.classes) as k (record_class) where k.record_class <> '*'
        union all
        select l.*, k.record_class
        from law l cross join (select distinct record_class from unit) k where '*' = any (l.classes)) l
        on l.record_class = u.record_class
    join clock c on c.clock = l.clock
    left join linked k on k.subject = u.subject and k.clock = l.clock
    cross join lateral (select
        greatest(
            case when c.transaction_booked then u.transaction_booked end,
            case when c.record_made then u.record_made end,
            case when c.report_filed then u.report_filed end,
            case when c.onboarding_refused then u.onboarding_refused end,
            case when c.one_off_completed then u.one_off_completed end,
            case when c.purpose_achieved then u.purpose_achieved end,
            case when c.consent_withdrawn then u.consent_withdrawn end) as start,
        case c.cap when 'transaction-booked' then u.transaction_booked when 'record-made' then u.record_made
            when 'report-filed' then u.report_filed when 'onboarding-refused' then u.onboarding_refused
            when 'one-off-completed' then u.one_off_completed when 'purpose-achieved' then u.purpose_achieved
            when 'consent-withdrawn' then u.consent_withdrawn end as cap) o),
-- Steps 6 and 7: the ends of periods on the calendar, and the cap.
counted as (
    select s.id, s.edition, s.jurisdiction, s.yields, s.started, s.least_months is not null as has_least,
        case when s.least_months is not null then least(
            p.least + least_days + case when b.leap and to_char(p.least, 'MMDD') = '0228' then 1 else 0 end,
            p.cap) end as least,
        case when s.most_months is not null then least(
            p.most + most_days + case when b.leap and to_char(p.most, 'MMDD') = '0228' then 1 else 0 end,
            p.cap) end as most
    from started s
    cross join lateral (select
        case when s.year_end then make_date(extract(year from s.started)::int, 12, 31) else s.started end as base,
        %(feb29)s = '1-mar' and not s.year_end and to_char(s.started, 'MMDD') = '0229' as leap) b
    cross join lateral (select
        (b.base + make_interval(months => s.least_months))::date as least,
        (b.base + make_interval(months => s.most_months))::date as most,
        (s.cap_from + make_interval(months => s.cap_months))::date + s.cap_days
            + case when %(feb29)s = '1-mar' and to_char(s.cap_from, 'MMDD') = '0229'
                and to_char(s.cap_from + make_interval(months => s.cap_months), 'MMDD') = '0228'
              then 1 else 0 end as cap) p),
-- Steps 8 to 10: all policies together, those of one jurisdiction first.
under as (
    select id, edition, bool_or(has_least and least is null) as unknown,
        max(least) filter (where has_least) as least, max(started) filter (where not has_least) as achieved,
        min(most) filter (where not yields) as most, min(most) filter (where yields) as yielding
    from counted group by id, edition, jurisdiction),
combined as (
    select id, edition, bool_or(unknown) as unknown, greatest(max(least), max(achieved)) as keep_through,
        min(least(most, case when yielding is not null and not unknown then greatest(yielding, least) end)) + 1
            as must_delete_by
    from under group by id, edition),
-- Step 11: holds on the subject or on whoever it is linked with, before units: else all holds meet all units.
hold as materialized (
    select l.subject, h.hold, h.classes, h.since, h.until
    from kyc_read.retention_hold h join link l on l.member = h.subject
    where h.placed_on <= %(on)s and (h.ended_on is null or h.ended_on > %(on)s)),
held as (
    select u.id, count(distinct h.hold) as holds
    from hold h join unit u on u.subject = h.subject
    where (h.classes = '{}' or u.record_class = any (h.classes))
        and (u.period !~ '^[0-9]{4}$' or (
            coalesce(h.since <= make_date(nullif(u.period, '')::int, 12, 31), true)
            and coalesce(h.until >= make_date(nullif(u.period, '')::int, 1, 1), true)))
    group by u.id),
answer as (
    select u.id, u.subject, u.record_class, u.period, e.edition, coalesce(h.holds, 0) as holds,
        a.keep_through, a.must_delete_by,
        case when h.holds > 0 then 'held'
            when c.id is null then 'no-policy'
            when a.must_delete_by is not null and coalesce(a.must_delete_by <= a.keep_through, true)
                then 'conflict'
            when a.keep_through is null then 'no-clock'
            when a.keep_through < %(on)s then 'due'
            else 'running' end as state
    from unit u
    cross join unnest(%(editions)s::int[]) as e (edition)
    left join combined c on c.id = u.id and c.edition = e.edition
    left join held h on h.id = u.id
    cross join lateral (select
        case when h.holds is null and not c.unknown then c.keep_through end as keep_through,
        case when h.holds is null then c.must_delete_by end as must_delete_by) a)

-- place --
-- Where the records of a unit were first made, and in which kind of stream.
, place as (
    select subject, record_class, period, min(kind) as kind, min(branch) as branch
    from kyc_read.retention_unit group by subject, record_class, period)

-- listed --
-- The units in some states, those that must go first coming first.
select a.subject, a.record_class, a.period, p.kind, p.branch, a.keep_through, a.must_delete_by, a.state, a.holds
from answer a left join place p using (subject, record_class, period)
where a.state = any (%(states)s) and (%(class)s::text is null or a.record_class = %(class)s)
    and (%(branch)s::text is null or p.branch = %(branch)s)
    and (%(after_subject)s::uuid is null
        or (coalesce(a.must_delete_by, 'infinity'), coalesce(a.keep_through, 'infinity'), a.subject, a.record_class,
            a.period) > (coalesce(%(after_delete)s::date, 'infinity'), coalesce(%(after_keep)s::date, 'infinity'),
            %(after_subject)s::uuid, %(after_class)s::text, %(after_period)s::text))
order by a.must_delete_by nulls last, a.keep_through, a.subject, a.record_class, a.period
limit %(limit)s

-- totals --
-- How many units of each class and branch stand how, and their first day of disposal.
select a.record_class, p.branch, a.state, count(*), min(a.keep_through) + 1
from answer a left join place p using (subject, record_class, period)
where (%(class)s::text is null or a.record_class = %(class)s)
    and (%(branch)s::text is null or p.branch = %(branch)s)
group by a.record_class, p.branch, a.state order by 1, 2, 3

-- moved --
-- The units whose dates differ under two editions.
select a.subject, a.record_class, a.period, p.kind, p.branch, a.keep_through, a.must_delete_by, a.state,
    b.keep_through, b.must_delete_by, b.state
from answer a join answer b on b.id = a.id and b.edition = 1
left join place p on p.subject = a.subject and p.record_class = a.record_class and p.period = a.period
where a.edition = 0
    and (a.keep_through, a.must_delete_by) is distinct from (b.keep_through, b.must_delete_by)
order by a.subject, a.record_class, a.period limit %(limit)s

-- moved_totals --
-- How many units of each class move, and which way they may be disposed of.
select a.record_class, a.state, b.state, count(*),
    count(*) filter (where b.keep_through < a.keep_through), count(*) filter (where b.keep_through > a.keep_through)
from answer a join answer b on b.id = a.id and b.edition = 1
where a.edition = 0
    and (a.keep_through, a.must_delete_by) is distinct from (b.keep_through, b.must_delete_by)
group by 1, 2, 3 order by 1, 2, 3

-- survivors --
-- Which of some files have absorbed another whose identity records are still there.
select distinct m.survivor from kyc_read.retention_merge m
where m.survivor = any (%s) and exists (
    select from kyc_read.retention_unit u join kyc_keys.data_key k on k.id = u.data_key
    where u.subject = m.absorbed and u.record_class = 'identity' and k.destroyed_at is null)
