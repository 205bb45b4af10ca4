-- What holds rest on and who released them. What they lie on, and from when to when, is in retention_hold.

-- tables --
create table kyc_read.hold_register{b} (
    stream_id uuid not null,                    -- of the subject's retention
    version bigint not null,
    data_key uuid not null,
    subject uuid not null,                      -- stream id
    hold uuid not null,                         -- keyed digest of the hold's number
    reference uuid,                             -- keyed digest of the case, order or claim it rests on
    content bytea not null,                     -- nonce ‖ AES-256-GCM(data key, JSON)
    primary key (stream_id, version)
);
create index hold_register{b}_subject on kyc_read.hold_register{b} (subject, hold);
create index hold_register{b}_reference on kyc_read.hold_register{b} (reference) where reference is not null;
-- A release has an event, and a cell, of its own.
create table kyc_read.hold_release{b} (
    stream_id uuid not null,
    version bigint not null,
    data_key uuid not null,
    placed bigint not null,                     -- version of the event that placed the hold
    content bytea not null,                     -- nonce ‖ AES-256-GCM(data key, JSON)
    primary key (stream_id, version)
)

-- holds --
-- Holds placed by a day and whether each was in force; every part that is given must fit.
select h.stream_id, h.version, h.subject, t.basis, t.classes, t.since, t.until, t.placed_on,
    case when t.ended_on <= %(on)s then t.ended_on end,
    case when t.ended_on <= %(on)s then r.version end, r.data_key, r.content, h.data_key, h.content
from kyc_read.hold_register h
join kyc_read.retention_hold t on t.subject = h.subject and t.hold = h.hold
left join kyc_read.hold_release r on r.stream_id = h.stream_id and r.placed = h.version
where t.placed_on <= %(on)s and (%(subject)s::uuid is null or h.subject = %(subject)s)
    and (%(reference)s::uuid is null or h.reference = %(reference)s)
    and (%(basis)s::text is null or t.basis = %(basis)s)
    and (%(in_force)s::boolean is null or (t.ended_on is null or t.ended_on > %(on)s) = %(in_force)s)
    and (h.subject, h.stream_id, h.version) > (%(after_subject)s, %(after_stream)s, %(after_version)s)
order by h.subject, h.stream_id, h.version limit %(limit)s
