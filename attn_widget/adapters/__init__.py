"""One file a source of attention; each imports its framework inside and ends in `Attention`.

Tested with transformers 4.46.3, 4.57.6 and 5.23.0. From 4.48 on, `capture` goes through the
library's attention interface wherever a model uses it; before, and for models that never did,
through `output_attentions`. In 4.49 `generate()` of an encoder-decoder loses the encoder's mask:
padding that its cross-attention really read is refused, not hidden. `kobayashi2020` needs the
interface: in 4.57 that leaves out BERT, RoBERTa, DistilBERT and T5, in 4.46 every model.
"""
