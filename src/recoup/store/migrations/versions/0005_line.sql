-- What all who ask the processor share.
SELECT 1;
