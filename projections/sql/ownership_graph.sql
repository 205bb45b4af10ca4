-- Who owns, controls, acts for or belongs to whom: an edge from a body, a person or an account to a person or a body.

-- tables --
-- Roles, shares and days in clear; the other end is a stream id or keyed digests, who it is is encrypted.
create table kyc_read.ownership_graph{b} (
    stream_id uuid not null,                    -- of the customer or the account
    version bigint not null,
    data_key uuid not null,
    part smallint not null,                     -- its place in a registration that names several
    source text not null,                       -- registration, relation, owner or mandate
    number uuid,                                -- keyed digest of its number in the file
    role text not null,
    basis text,
    percentage numeric,
    since date not null,
    until date,                                 -- last day of what was given for a time
    ended_on date,                              -- from this day on it is no more
    customer uuid,                              -- stream id of the other end, where it has a file of its own
    document uuid,                              -- keyed digest of its document's number, as in customer_profile
    name uuid not null,                         -- keyed digest of the words of its name
    content bytea not null,                     -- nonce ‖ AES-256-GCM(data key, JSON)
    primary key (stream_id, version, part)
);
create index ownership_graph{b}_customer on kyc_read.ownership_graph{b} (customer) where customer is not null;
create index ownership_graph{b}_document on kyc_read.ownership_graph{b} (document) where document is not null;
create index ownership_graph{b}_name on kyc_read.ownership_graph{b} (name)

-- stands --
-- Whether an edge e holds on a day.
e.since <= %(on)s and (e.until is null or e.until >= %(on)s) and (e.ended_on is null or e.ended_on > %(on)s)

-- owns --
-- Whether an edge e is one of ownership or control, through which somebody stands behind a body.
(e.source = 'owner' or e.role = any (%(owning)s))

-- columns --
-- An edge e as it is told.
e.stream_id, e.version, e.part, e.source, e.role, e.basis, e.percentage, e.since, e.until, e.ended_on, e.customer

-- behind --
-- Everybody who stands behind some streams on a day, with the bodies between and the product of the shares.
with recursive behind as (
    select {columns}, e.data_key, e.content, {owns} as owning, array[e.stream_id] as through, e.percentage as share
    from kyc_read.ownership_graph e where e.stream_id = any (%(streams)s) and {stands}
    union all
    select {columns}, e.data_key, e.content, true, b.through || e.stream_id, b.share * e.percentage / 100
    from behind b join kyc_read.ownership_graph e on e.stream_id = b.customer
    where b.owning and {owns} and {stands} and e.stream_id <> all (b.through)
        and array_length(b.through, 1) < %(depth)s)
select e.stream_id, e.version, e.part, e.source, e.role, e.basis, e.percentage, e.since, e.until, e.ended_on,
    e.customer, e.through, e.share, e.data_key, e.content
from behind e order by array_length(e.through, 1), e.stream_id, e.version, e.part limit %(limit)s

-- before --
-- What somebody stands behind on a day: directly, and through bodies that own or control others.
with recursive before as (
    select {columns}, e.data_key, e.content, {owns} as owning, array[e.stream_id] as through, e.percentage as share
    from kyc_read.ownership_graph e
    where (e.customer = %(customer)s or e.document = %(document)s or e.name = %(name)s) and {stands}
    union all
    select {columns}, e.data_key, e.content, true, b.through || e.stream_id, b.share * e.percentage / 100
    from before b join kyc_read.ownership_graph e on e.customer = b.stream_id
    where b.owning and {owns} and {stands} and e.stream_id <> all (b.through)
        and array_length(b.through, 1) < %(depth)s)
select e.stream_id, e.version, e.part, e.source, e.role, e.basis, e.percentage, e.since, e.until, e.ended_on,
    e.customer, e.through, e.share, e.data_key, e.content
from before e order by array_length(e.through, 1), e.stream_id, e.version, e.part limit %(limit)s
