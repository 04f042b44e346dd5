"""git plumbing: objects, refs, index, packs, history, ignore rules."""
