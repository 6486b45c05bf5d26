-- What is known of a device of a roll-out beside its state. `here`: does it answer? `said`: have its containers written what they
-- have to? `confirmed`: the last question of the roll-out, numbered in `asked` (below 0: it is not asked now), for which it was seen
-- once more.
ALTER TABLE rollout ADD COLUMN asked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rollout_device ADD COLUMN here INTEGER NOT NULL DEFAULT 1 CHECK (here IN (0, 1));
ALTER TABLE rollout_device ADD COLUMN said INTEGER NOT NULL DEFAULT 0 CHECK (said IN (0, 1));
ALTER TABLE rollout_device ADD COLUMN confirmed INTEGER NOT NULL DEFAULT 0;
