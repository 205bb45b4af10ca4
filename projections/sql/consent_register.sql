-- What persons were told, agreed to and asked for. Whether a purpose may be served, and what is due, is asked for a day.

-- tables --
-- Purposes, notices, kinds and days in clear; how it was said and what was asked is encrypted.
create table kyc_read.consent_register{b} (
    stream_id uuid not null,                    -- of the customer
    version bigint not null,
    data_key uuid not null,
    purpose text not null,
    separate boolean not null,
    notice text not null,
    given_on date not null,
    withdrawn_on date,                          -- from this day on the purpose may not be served
    content bytea not null,                     -- nonce ‖ AES-256-GCM(data key, JSON)
    primary key (stream_id, version)
);
create index consent_register{b}_purpose on kyc_read.consent_register{b} (purpose, stream_id);
create table kyc_read.consent_notice{b} (
    stream_id uuid not null,
    version bigint not null,
    data_key uuid not null,
    notice text not null,
    channel text not null,                      -- empty: at registration
    language text not null,
    presented_on date not null,
    primary key (stream_id, version)
);
-- Storage and security only (PIPL art. 47).
create table kyc_read.consent_restriction{b} (
    stream_id uuid not null,
    version bigint not null,
    data_key uuid not null,
    request uuid not null,                      -- stream id of the request that led to it
    since date not null,
    until date,                                 -- day it was lifted
    content bytea not null,                     -- nonce ‖ AES-256-GCM(data key, JSON)
    primary key (stream_id, version)
);
create table kyc_read.consent_request{b} (
    stream_id uuid primary key,                 -- of the request
    version bigint not null,
    data_key uuid not null,
    customer uuid not null,                     -- stream id
    kind text not null,
    requester text not null,
    received_on date not null,
    promised date not null,                     -- day that was named when it was received
    outcome text,                               -- fulfilled or refused
    answered_on date,
    content bytea not null                      -- nonce ‖ AES-256-GCM(data key, JSON)
);
create index consent_request{b}_customer on kyc_read.consent_request{b} (customer);
create index consent_request{b}_received on kyc_read.consent_request{b} (received_on)

-- restricted --
-- Whether data of the customer c may only be stored and secured on a day.
exists (
    select from kyc_read.consent_restriction r
    where r.stream_id = c.stream_id and r.since <= %(on)s and (r.until is null or r.until > %(on)s))

-- consents --
-- Consents of some customers as of a day, in the order they were given.
select c.stream_id, c.version, c.purpose, c.separate, c.notice, c.given_on,
    case when c.withdrawn_on <= %(on)s then c.withdrawn_on end, c.data_key, c.content
from kyc_read.consent_register c
where c.stream_id = any (%(streams)s) and c.given_on <= %(on)s
    and (%(purpose)s::text is null or c.purpose = %(purpose)s)
order by c.stream_id, c.version

-- notices --
-- Notices that were presented to some customers by a day.
select n.stream_id, n.notice, n.channel, n.language, n.presented_on from kyc_read.consent_notice n
where n.stream_id = any (%(streams)s) and n.presented_on <= %(on)s order by n.stream_id, n.version

-- deletions --
-- Customers whose deletion was asked for by a day: it waits for an answer, or was refused and they are only stored since.
select distinct q.customer from kyc_read.consent_request q
where q.kind = 'deletion' and q.received_on <= %(on)s
    and (q.outcome is null or q.outcome = 'refused' and exists (
        select from kyc_read.consent_restriction r
        where r.stream_id = q.customer and r.request = q.stream_id and r.since <= %(on)s
            and (r.until is null or r.until > %(on)s)))
order by q.customer

-- restrictions --
-- Restrictions of some customers as of a day.
select r.stream_id, r.version, r.request, r.since, case when r.until <= %(on)s then r.until end, r.data_key, r.content
from kyc_read.consent_restriction r
where r.stream_id = any (%(streams)s) and r.since <= %(on)s order by r.stream_id, r.version

-- consenting --
-- Customers who consent to a purpose on a day, page by page; nobody whose data is restricted.
select distinct c.stream_id from kyc_read.consent_register c
join kyc_read.customer_profile p on p.stream_id = c.stream_id
where c.purpose = %(purpose)s and c.stream_id > %(after)s
    and c.given_on <= %(on)s and (c.withdrawn_on is null or c.withdrawn_on > %(on)s) and not {restricted}
    and p.status in ('registered', 'verified', 'active') and (%(branch)s::text is null or p.branch = %(branch)s)
order by c.stream_id limit %(limit)s

-- requests --
-- Requests as of a day and by when each is to be answered: the day that was named, or the term that is policy.
select q.stream_id, q.version, q.customer, q.kind, q.requester, q.received_on, due.on_date,
    case when q.answered_on <= %(on)s then q.outcome end, case when q.answered_on <= %(on)s then q.answered_on end,
    p.branch, q.data_key, q.content
from kyc_read.consent_request q
left join kyc_read.customer_profile p on p.stream_id = q.customer
cross join lateral (select least(q.promised, {later}) as on_date) due
where q.received_on <= %(on)s and (%(customers)s::uuid[] is null or q.customer = any (%(customers)s::uuid[]))
    and (%(by)s::date is null or (due.on_date <= %(by)s and (q.answered_on is null or q.answered_on > %(on)s)))
    and (%(branch)s::text is null or p.branch = %(branch)s)
    and (%(after_day)s::date is null
        or (due.on_date, q.stream_id, q.version) > (%(after_day)s, %(after)s, %(after_version)s))
order by due.on_date, q.stream_id, q.version limit %(limit)s
