-- Read models for readers: views ask as whoever reads, tables show what the scope of the transaction covers. Tables of
-- customers, accounts, bookings and documents go by their branch; all others are head office's (projections/scopes.py).

grant usage on schema kyc_read to kyc_reader;

do $$
declare
    made record;
    place regclass;
    wall text;
begin
    for made in
        select t.name, b.build, b.live from kyc_read.build b cross join unnest(b.tables) as t (name)
    loop
        place := format('kyc_read.%I', made.name || '_b' || made.build)::regclass;
        wall := '(select kyc_scope.everything())';
        if made.name in ('customer_profile', 'account_register', 'transaction_index', 'document_register') then
            wall := wall || ' or branch = any ((select kyc_scope.branches())::text[])';
        end if;
        execute format('alter table %s enable row level security', place);
        execute format('create policy scope on %s for select to kyc_reader using (%s)', place, wall);
        execute format('grant select on %s to kyc_reader', place);
        if made.live then
            execute format('alter view kyc_read.%I set (security_invoker = true)', made.name);
            execute format('grant select on kyc_read.%I to kyc_reader', made.name);
        end if;
    end loop;
end $$;
