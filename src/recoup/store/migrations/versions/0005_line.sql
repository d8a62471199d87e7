-- What all who ask the processor share: their pace, and whether it answers.
-- Unlogged: a turn costs no write to the disk, and after a crash of the server everybody begins
-- anew, which is right.

-- The instant from which on an endpoint's turns are free.
CREATE UNLOGGED TABLE line_turns (
    endpoint text PRIMARY KEY,
    free_at timestamptz NOT NULL
) WITH (fillfactor = 50);

-- The turns of all endpoints together: time is cut into slots, and each is taken or not, from
-- the slot `first` on, which is so many slots after 1970.
CREATE UNLOGGED TABLE line_slots (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    first bigint NOT NULL,
    taken bit varying NOT NULL
) WITH (fillfactor = 50);

-- How often in a row no answer came, and when somebody may try again where that was too often.
CREATE UNLOGGED TABLE line_silences (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    silences integer NOT NULL,
    last_at timestamptz NOT NULL,
    probe_at timestamptz
) WITH (fillfactor = 50);

-- Takes a turn to ask `place`. Says whether it was granted, how many seconds to wait for it, and
-- how many silences there are. Refused, because it would be further off than `longest` or because
-- nothing answers, it is not taken, and `wait` says when to come again.
--
-- An endpoint's turns are `gap` apart, but for `slack`, by which some may come early; of all turns
-- together there is one in each `slot`. By the server's clock, which everybody shares. A turn that
-- is further off than anybody may wait was given by a clock that has been set back since.
CREATE FUNCTION take_turn(
    place text, gap interval, slack interval, slot double precision, longest interval,
    too_many integer, rest interval,
    OUT granted boolean, OUT wait double precision, OUT silent integer
) LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz;
    probe timestamptz;
    free timestamptz;
    turn_at timestamptz;
    start bigint;
    slots bit varying;
    present bigint;
    skipped integer;
    place_in integer;
BEGIN
    -- Everybody passes here one after another, so what follows sees what the one before did.
    SELECT s.first, s.taken INTO start, slots FROM line_slots s FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO line_slots (first, taken) VALUES (0, '') ON CONFLICT DO NOTHING;
        SELECT s.first, s.taken INTO start, slots FROM line_slots s FOR UPDATE;
    END IF;
    moment := clock_timestamp();
    SELECT s.silences, s.probe_at INTO silent, probe FROM line_silences s;
    silent := coalesce(silent, 0);
    IF silent >= too_many AND moment < probe AND probe <= moment + rest THEN
        granted := false;
        wait := extract(epoch FROM probe - moment);
        RETURN;
    END IF;

    SELECT t.free_at INTO free FROM line_turns t WHERE t.endpoint = place;
    IF free IS NULL OR free < moment OR free > moment + longest + gap + slack THEN
        free := moment;
    END IF;
    turn_at := greatest(free - slack, moment);

    present := floor(extract(epoch FROM moment)::double precision / slot);
    IF start > present + 1 THEN
        start := present;
        slots := '';
    ELSIF start < present THEN
        slots := substring(slots FROM least(present - start, length(slots))::integer + 1);
        start := present;
    END IF;
    skipped := greatest(
        floor(extract(epoch FROM turn_at)::double precision / slot)::bigint - start, 0
    );
    place_in := position(B'0' IN substring(slots FROM skipped + 1));
    IF place_in > 0 THEN
        place_in := skipped + place_in - 1;
    ELSE
        place_in := greatest(skipped, length(slots));
    END IF;
    turn_at := greatest(turn_at, to_timestamp((start + place_in) * slot));

    wait := extract(epoch FROM turn_at - moment);
    granted := turn_at <= moment + longest;
    IF NOT granted THEN
        RETURN;
    END IF;
    IF place_in >= length(slots) THEN
        slots := slots || repeat('0', place_in + 1 - length(slots))::bit varying;
    END IF;
    UPDATE line_slots SET first = start, taken = set_bit(slots, place_in, 1);
    INSERT INTO line_turns AS t VALUES (place, greatest(free, turn_at) + gap)
        ON CONFLICT (endpoint) DO UPDATE SET free_at = excluded.free_at;
    IF silent >= too_many THEN
        UPDATE line_silences SET probe_at = moment + rest;
    END IF;
END $$;
