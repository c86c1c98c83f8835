"""Does a relevance tell the truth? Its agreement with what the model itself does.

Abnar & Zuidema, "Quantifying Attention Flow in Transformers", ACL 2020, section 4: rank the tokens
by attention, rollout or flow, rank them by how much the model's output depends on them, and
correlate the two, example by example.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import named_settings
from .evaluator import Evaluator
from .relevance import METHODS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .evaluation import Evaluation


@named_settings
def evaluate(
    model: Any,
    inputs: Iterable[Any],
    *,
    tokenizer: Any = None,
    targets: Iterable[Any] | None = None,
    methods: Any = METHODS,
    references: Sequence[str] | str = ("blank_out", "gradients"),
    levels: Any = None,
    heads: Any = "mean",
    residual: Any = 0.5,
    row: Any = None,
    output: str | Callable[..., Any] = "probability",
    blank: Any = None,
    embedding: Any = None,
    special: bool = False,
    k: int = 3,
    curves: bool = False,
    keep_attention: bool = False,
    batch_size: int = 64,
    progress: bool = True,
) -> Evaluation:
    """Check relevances against a model's own behaviour (Abnar & Zuidema 2020, section 4).

    Parameters
    ----------
    model : torch.nn.Module
        Anything that `capture` records: Hugging Face models, or plain torch modules with
        `nn.MultiheadAttention` or timm-style blocks.
    inputs : iterable of examples
        Texts or pairs of texts (with a tokenizer), token ids (n,), vectors (n, d), or dicts of a
        model's inputs. Lengths may differ; examples of one length are run together, unpadded. Of a
        text that is too long for the model, the part is evaluated that its tokenizer keeps.
    tokenizer : tokenizer, or callable text -> ids, optional
        Also names the tokens and tells which are special.
    targets : iterable, one an example, optional
        The class (for a language model: the token) whose output is explained; by default the one
        that the model predicts. With output="similarity" a text or a vector to compare with.
    methods : names, functions, or {name: function}
        "attention", "rollout", "flow"; a function takes an `Attention` and returns (n,) numbers.
    references : among "blank_out", "gradients", "gradient_x_input", "integrated_gradients"
        What is known without attention; see `references.py`. The last one needs captum.
    levels : (start, stop), a list of such pairs, or "each", optional
        By default the whole model; "each" is (0, 1), (0, 2), ... "attention" is the map of the top
        block of the range.
    heads, residual
        As in `layer_maps`.
    row : int, "mean", or a function of the attention, optional
        The token at the top whose inputs are ranked. By default the last token of a causal model
        (also where a sequence classifier reads its answer), else the first, CLS; "mean" suits
        models that average their states.
    output : {"probability", "logit", "similarity"} or function
        What is explained: the probability or the logit of the target, the cosine of the mean last
        state with the target's, or `output(model_outputs, targets)`, a tensor (examples,) or
        (examples, classes).
    blank : int or vector, optional
        What replaces a token. By default the mask token, else the unknown token, else padding; of
        vectors, zeros.
    embedding : module or its name, optional
        What turns ids into vectors; by default the `nn.Embedding` that is given the ids.
    special : bool
        Whether special tokens, such as CLS, are ranked along with the text.
    k : int
        Tokens that count for `overlap`.
    curves : bool
        Also compute deletion and insertion curves; 2 n passes more for every method and range.
    keep_attention : bool
        Keep each attention, so that `Evaluation.again` can try other settings without the model.
    batch_size : int
        Examples in one forward pass.
    progress : bool
        Show a tqdm bar, where tqdm is installed, for what takes over a second.

    Returns
    -------
    Evaluation

    Raises
    ------
    AttentionError
        A setting that cannot be used, no example, or none that the model could take. Single
        examples that fail stand in `Evaluation.failures` and stop nothing.

    Notes
    -----
    Passes of one example of n tokens: 1, and n for blank-out, 1 back for gradients.

    Examples
    --------
    ::

        result = aw.evaluate(model, texts, tokenizer=tokenizer, levels="each")
        result                                    # a table: methods by levels, mean and std
        result.compare("rollout", "attention")    # paired by example
    """
    evaluator = Evaluator(
        model,
        tokenizer=tokenizer,
        methods=methods,
        references=references,
        levels=levels,
        heads=heads,
        residual=residual,
        row=row,
        output=output,
        blank=blank,
        embedding=embedding,
        special=special,
        k=k,
        curves=curves,
        keep_attention=keep_attention,
        batch_size=batch_size,
    )
    return evaluator.run(inputs, targets=targets, progress=progress)
