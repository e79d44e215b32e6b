"""LoRA training through TRL: one adapter goes through sft, dpo and grpo."""
