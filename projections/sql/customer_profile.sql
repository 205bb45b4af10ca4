-- Current profiles of customers: one row each, personal fields encrypted under the customer's identity key.

-- tables --
-- The row of a customer whose key is destroyed keeps nothing but the stream id and the version.
create table kyc_read.customer_profile{b} (
    stream_id uuid primary key,
    number uuid,                                -- keyed digest of the customer number
    found_by uuid[] not null,                   -- keyed digests of numbers, and of what names are made of
    once_by uuid[] not null,                    -- the same of what was known once and is not any more
    type text,
    branch text,
    status text not null,
    template text,                              -- of the registration
    filled text[] not null,                     -- fields of the form that hold something
    findings text[] not null,                   -- what contradicts itself in the file
    verified_on date,
    version bigint not null,                    -- of the last identity event that is in the profile
    data_key uuid,
    profile bytea                               -- nonce ‖ AES-256-GCM(data key, JSON)
);
create index customer_profile{b}_number on kyc_read.customer_profile{b} (number);
create index customer_profile{b}_found_by on kyc_read.customer_profile{b} using gin (found_by, once_by);
create index customer_profile{b}_branch on kyc_read.customer_profile{b} (branch, status)

-- current --
-- The rows of some customers.
select stream_id, branch, version, data_key, profile from kyc_read.customer_profile{b} where stream_id = any (%s)

-- delete --
-- Rows about to be written anew.
delete from kyc_read.customer_profile{b} where stream_id = any (%s)

-- sweep --
-- Rows under keys that were destroyed.
update kyc_read.customer_profile{b} t
set number = null, found_by = '{}', once_by = '{}', type = null, branch = null, status = 'disposed', template = null,
    filled = '{}', findings = '{}', verified_on = null, data_key = null, profile = null
from kyc_keys.data_key k
where k.destroyed_at >= %s and t.stream_id = k.subject and t.data_key = k.id

-- by_number --
-- The customer of a number.
select stream_id, type, branch, status, version, data_key, profile from kyc_read.customer_profile
where number = %s and (%s::text is null or branch = %s)

-- by_key --
-- Customers who have all of these digests, page by page.
select stream_id, type, branch, status, version, data_key, profile from kyc_read.customer_profile
where found_by @> %s and stream_id > %s and (%s::text is null or branch = %s) order by stream_id limit %s

-- by_any_key --
-- Customers who have or once had all of these digests, page by page.
select stream_id, type, branch, status, version, data_key, profile from kyc_read.customer_profile
where (found_by @> %s or once_by @> %s) and stream_id > %s and (%s::text is null or branch = %s)
order by stream_id limit %s

-- by_stream --
-- The customers of some streams.
select stream_id, type, branch, status, version, data_key, profile from kyc_read.customer_profile
where stream_id = any (%s) order by stream_id

-- of_branch --
-- Customers of a branch, page by page.
select stream_id, type, branch, status, version, data_key, profile from kyc_read.customer_profile
where branch = %s and (%s::text is null or status = %s) and stream_id > %s order by stream_id limit %s
