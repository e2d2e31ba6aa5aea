"""Model metamers: stimuli, started from noise, that a stage cannot tell from a natural one."""
