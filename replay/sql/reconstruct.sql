-- What a reconstruction looks for without opening it.

-- about_bookings --
-- Events of one account's postings in a range of versions that are no bookings: those may be about one. The topic
-- stands in the clear context behind two bytes of schema, with its length before it.
select position, version, recorded_at, lane, stream_id, key, data_key, previous, commitment, hash, digest, context,
    state
from kyc.event
where lane = %s and stream_id = %s and version > %s and version <= %s
    and substr(context, 3, length(%s::bytea)) <> %s::bytea
order by version
