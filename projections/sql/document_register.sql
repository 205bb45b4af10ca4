-- Captured documents and what became of them. Where one stands on a day is computed for that day, never stored.

-- tables --
-- Kinds, countries and dates in clear; the number is a keyed digest, what is printed is encrypted.
create table kyc_read.document_register{b} (
    stream_id uuid not null,                    -- of the customer
    version bigint not null,                    -- of the event that captured it
    number uuid not null,                       -- keyed digest, as in customer_profile
    kind text not null,
    country text not null,
    issued_on date,
    valid_from date,
    expires_on date,                            -- last valid day; null: without end
    captured_on date not null,
    branch text not null,                       -- where it was captured
    scans smallint not null,
    checked text,                               -- outcome of the last check
    checked_on date,
    void text,                                  -- why it identifies nobody any more
    void_on date,
    grace_from date,                            -- a longer period that was granted for a reason
    grace_to date,                              -- its last day
    data_key uuid not null,
    document bytea not null,                    -- nonce ‖ AES-256-GCM(data key, JSON)
    primary key (stream_id, version)
);
create index document_register{b}_number on kyc_read.document_register{b} (number);
create index document_register{b}_expires on kyc_read.document_register{b} (expires_on, stream_id);
-- Service suspended for want of a document, from its first day to the day before it was resumed.
create table kyc_read.document_suspension{b} (
    stream_id uuid not null,
    version bigint not null,
    since date not null,
    until date not null,                        -- day of resumption; infinity: it lasts
    stays_open text[] not null,
    data_key uuid not null,
    primary key (stream_id, version)
)

-- documents --
-- The documents of some customers, as stored.
select stream_id, version, number, kind, country, issued_on, valid_from, expires_on, captured_on, branch, scans,
    checked, checked_on, void, void_on, grace_from, grace_to, data_key, document
from kyc_read.document_register{b} where stream_id = any (%s) order by stream_id, version

-- forget --
-- Documents about to be written anew.
delete from kyc_read.document_register{b} where stream_id = any (%s)

-- suspend --
-- Service is suspended.
insert into kyc_read.document_suspension{b} (stream_id, version, since, until, stays_open, data_key)
values (%s, %s, %s, 'infinity', %s, %s)

-- resume --
-- Service goes on.
update kyc_read.document_suspension{b} set until = %s where stream_id = %s and until = 'infinity'

-- sweep --
-- Documents under keys that were destroyed.
delete from kyc_read.document_register{b} t using kyc_keys.data_key k
where k.destroyed_at >= %s and t.stream_id = k.subject and t.data_key = k.id

-- sweep_suspensions --
-- Suspensions under keys that were destroyed.
delete from kyc_read.document_suspension{b} t using kyc_keys.data_key k
where k.destroyed_at >= %s and t.stream_id = k.subject and t.data_key = k.id

-- state --
-- Where a document d stands on a day. ``remind``: it expires soon up to this day; ``lapsed``: the reasonable period of
-- what expired up to this day is over; both null where no rules are in use.
case
    when d.void_on <= %(on)s then 'void'
    when d.valid_from > %(on)s then 'not-yet-valid'
    when d.expires_on is null or d.expires_on > coalesce(%(remind)s::date, %(on)s::date - 1) then 'valid'
    when d.expires_on >= %(on)s then 'expiring'
    when %(lapsed)s::date is null then 'expired'
    when d.expires_on > %(lapsed)s or (d.grace_from <= %(on)s and d.grace_to >= %(on)s) then 'grace'
    else 'suspended'
end

-- suspended --
-- Whether service of the customer of d is suspended on a day.
exists (
    select from kyc_read.document_suspension s
    where s.stream_id = d.stream_id and s.since <= %(on)s and s.until > %(on)s)

-- of_streams --
-- The documents some customers had on a day, and where each stands.
select d.stream_id, d.version, d.kind, d.country, d.issued_on, d.valid_from, d.expires_on, d.captured_on, d.branch,
    d.scans, d.checked, d.checked_on, d.void, d.void_on, d.grace_to, {state} as state, d.data_key, d.document
from kyc_read.document_register d
where d.stream_id = any (%(streams)s) and d.captured_on <= %(on)s order by d.stream_id, d.version

-- of_number --
-- The documents of a number, of whomever, and where each stands.
select d.stream_id, d.version, d.kind, d.country, d.issued_on, d.valid_from, d.expires_on, d.captured_on, d.branch,
    d.scans, d.checked, d.checked_on, d.void, d.void_on, d.grace_to, {state} as state, d.data_key, d.document
from kyc_read.document_register d
where d.number = %(number)s and d.captured_on <= %(on)s order by d.stream_id, d.version

-- due --
-- Customers whose last document runs out or has run out, by the day it does: nothing they showed is valid for longer.
select d.stream_id, d.version, d.kind, d.expires_on, d.grace_to, p.branch, found.state, found.suspended
from kyc_read.document_register d
join kyc_read.customer_profile p on p.stream_id = d.stream_id
cross join lateral (select {state} as state, {suspended} as suspended) found
where d.expires_on between %(first)s and %(last)s and (d.expires_on, d.stream_id) > (%(after_day)s, %(after)s)
    and d.captured_on <= %(on)s
    and p.status in ('registered', 'verified', 'active') and (%(branch)s::text is null or p.branch = %(branch)s)
    and found.state = any (%(states)s)
    and not exists (
        select from kyc_read.document_register o
        where o.stream_id = d.stream_id and o.version <> d.version and o.captured_on <= %(on)s
            and (o.expires_on is null or (o.expires_on, o.version) > (d.expires_on, d.version))
            and (o.void_on is null or o.void_on > %(on)s) and (o.valid_from is null or o.valid_from <= %(on)s))
order by d.expires_on, d.stream_id limit %(limit)s
