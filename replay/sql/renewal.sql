-- What a renewal reads and keeps.

-- evidence --
-- Everything that was evidence at a time for a log of a size, in one order: checkpoints, cosigned ones, timestamps,
-- statements about keys, earlier renewals.
select piece from (
    select 1 as kind, size as a, 0::bigint as b, convert_to(note, 'UTF8') as piece from kyc.checkpoint where size <= %(size)s
    union all
    select 2, size, cosigned_at, convert_to(note, 'UTF8') from kyc.cosigned
    where size <= %(size)s and cosigned_at <= %(at)s
    union all
    select 3, number, made_at, token from kyc.anchor
    where made_at <= %(at)s and (kind = 'key' or number <= %(size)s)
    union all
    select 4, number, 0, convert_to(note, 'UTF8') from kyc.key_statement where made_at <= %(at)s
    union all
    select 5, number, 0, convert_to(note, 'UTF8') || token from kyc.renewal where number < %(number)s
) pieces
order by kind, a, b, piece

-- alone --
-- One renewal at a time, until the end of the transaction.
select pg_advisory_xact_lock(hashtext('kyc renewal'))

-- renewals --
-- All renewals.
select number, note, token, authority from kyc.renewal order by number

-- insert_renewal --
-- A record and its timestamp.
insert into kyc.renewal (number, note, token, authority) values (%s, %s, %s, %s)

-- insert_contents --
-- The content hashes of 256 events.
insert into kyc.renewed_content (number, index, hashes) values (%s, %s, %s)

-- contents --
-- The content hashes of 256 events.
select hashes from kyc.renewed_content where number = %s and index = %s
