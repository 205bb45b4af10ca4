-- What read models share whose rows belong to streams: reading some, writing them anew, sweeping, days a term later.

-- of_streams --
-- The rows of some streams, as stored.
select {columns} from {table} where stream_id = any (%s) order by stream_id, version

-- forget --
-- Rows about to be written anew.
delete from {table} where stream_id = any (%s)

-- sweep --
-- Rows under keys that were destroyed.
delete from {table} t using kyc_keys.data_key k
where k.destroyed_at >= %s and t.stream_id = k.subject and t.data_key = k.id

-- later --
-- The day a term after another: months on the calendar, then days. From 29 February to one that is not there: the 28th,
-- or 1 March where the institution declared so (kyc.domain.calendar.later).
(({start} + make_interval(months => {months}))::date + {days} + case
    when {leap} and to_char({start}, 'MMDD') = '0229'
        and to_char({start} + make_interval(months => {months}), 'MMDD') = '0228' then 1
    else 0 end)
