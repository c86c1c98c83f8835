"""A torch model as a function from one example to one number, and its gradient.

Examples of one length share a forward pass and are never padded, so that a number does not depend
on what it was computed beside.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .errors import AttentionError, brief, is_index

OUTPUTS = ("probability", "logit", "similarity")


@dataclass(frozen=True)
class Example:
    """One example as the model reads it.

    Attributes
    ----------
    text : str
        What to call it.
    inputs : dict of tensors
        Each of shape (1, n, ...); the key "" stands for a single positional argument.
    key : str
        Which of them holds the tokens: ids (1, n), or vectors (1, n, d).
    target : object
        A class or a token id, or whatever a function `output` understands; None is the prediction.
    """

    text: str
    inputs: dict[str, Any]
    key: str
    target: Any = None

    @property
    def tokens(self) -> Any:
        """Ids (n,), or vectors (n, d)."""
        return self.inputs[self.key][0]

    @property
    def n_tokens(self) -> int:
        """Number of tokens."""
        return int(self.inputs[self.key].shape[1])


class Scorer:
    """Reads examples and scores them; see `evaluate` for the settings.

    Parameters
    ----------
    model : torch.nn.Module
    tokenizer, output, blank, embedding, batch_size
        As in `evaluate`.
    """

    def __init__(
        self,
        model: Any,
        *,
        tokenizer: Any = None,
        output: str | Callable[..., Any] = "probability",
        blank: Any = None,
        embedding: Any = None,
        batch_size: int = 64,
    ) -> None:
        torch = import_torch()
        if not isinstance(model, torch.nn.Module):
            message = (
                f"The model is a {type(model).__name__}, and evaluation runs torch models: give "
                "the torch.nn.Module."
            )
            raise AttentionError(message)
        if not callable(output) and output not in OUTPUTS:
            message = (
                f"output must be one of {', '.join(map(repr, OUTPUTS))} or a function of what the "
                f"model returns, not {brief(output)}."
            )
            raise AttentionError(message)
        if not is_index(batch_size) or batch_size < 1:
            message = f"batch_size must be a whole number from 1, not {brief(batch_size)}."
            raise AttentionError(message)
        self.model = model
        self.tokenizer = tokenizer
        self.output = output
        self.batch_size = int(batch_size)
        self._blank = blank
        self._embedding = _named_module(model, embedding)
        parameter = next(model.parameters(), None)
        self._device = None if parameter is None else parameter.device
        # Hugging Face models take their inputs by name.
        self._by_name = hasattr(model, "config") and hasattr(model, "get_input_embeddings")

    # --- reading ----------------------------------------------------------------------------

    def read(self, given: Any, target: Any = None) -> Example:
        """Turn a text, ids, vectors or a model's inputs into an `Example`."""
        torch = import_torch()
        text = ""
        if isinstance(given, Example):
            return given if target is None else replace(given, target=target)
        if isinstance(given, str) or _is_pair(given):
            text = given if isinstance(given, str) else " | ".join(given)
            given = self._tokenize(given)
        elif self.tokenizer is not None and not _is_inputs(given):
            text, given = str(given), self._tokenize(given)
        if isinstance(given, Mapping):
            inputs = {str(name): _tensor(one, name) for name, one in given.items()}
            key = next((k for k in ("input_ids", "inputs_embeds") if k in inputs), "")
            if not key:
                message = (
                    f"The inputs have {', '.join(map(repr, inputs)) or 'nothing'} and no "
                    "'input_ids': give what the tokenizer returns."
                )
                raise AttentionError(message)
            inputs = {name: one[None] if one.ndim == 1 else one for name, one in inputs.items()}
            if key == "inputs_embeds" and inputs[key].ndim == 2:
                inputs[key] = inputs[key][None]
        else:
            tokens = _tensor(given, "input")
            floats = tokens.is_floating_point()
            key = ("inputs_embeds" if floats else "input_ids") if self._by_name else ""
            wanted = 2 if floats else 1
            inputs = {key: tokens[None] if tokens.ndim == wanted else tokens}
        if inputs[key].numel() == 0:
            message = "An example has no tokens: leave empty texts out."
            raise AttentionError(message)
        for name, one in inputs.items():
            if one.shape[0] != 1:
                message = (
                    f"The input {name!r} holds {one.shape[0]} examples of a batch: give a list "
                    "with one example an entry."
                )
                raise AttentionError(message)
        if key == "input_ids" and self._by_name:
            inputs.setdefault("attention_mask", torch.ones_like(inputs[key]))
        inputs = {name: one.to(self._device) for name, one in inputs.items()}
        return Example(text or self._name(inputs[key][0]), inputs, key, target)

    def blank_like(self, example: Example) -> Any:
        """What stands for "no token here": an id, or a vector."""
        torch = import_torch()
        if example.tokens.is_floating_point():
            if self._blank is None:
                return torch.zeros_like(example.tokens[0])
            return torch.as_tensor(self._blank).to(example.tokens)
        if self._blank is not None:
            if not is_index(self._blank):
                message = f"blank must be the id of a token, not {brief(self._blank)}."
                raise AttentionError(message)
            return int(self._blank)
        tokenizer = getattr(self.tokenizer, "tokenizer", self.tokenizer)
        for name in ("mask_token_id", "unk_token_id", "pad_token_id", "eos_token_id"):
            found: Any = getattr(tokenizer, name, None)
            if is_index(found):
                return int(found)
        message = (
            "Blank-out replaces tokens by one that says nothing, and none is known: give its id as "
            "blank=, for instance that of [MASK] or [UNK]."
        )
        raise AttentionError(message)

    # --- scoring ----------------------------------------------------------------------------

    def outputs(self, examples: Sequence[Example], inputs: Mapping[str, Any] | None = None) -> Any:
        """Run the model on examples of one length."""
        torch = import_torch()
        if inputs is None:
            inputs = {
                name: torch.cat([one.inputs[name] for one in examples])
                for name in examples[0].inputs
            }
        if "" in inputs:
            return self.model(inputs[""])
        return self.model(**inputs)

    def scores(self, examples: Sequence[Example], outputs: Any) -> Any:
        """One number an example, a float64 tensor that is in the graph of `outputs`."""
        torch = import_torch()
        targets = [one.target for one in examples]
        if callable(self.output):
            found = self.output(outputs, targets)
            scores, scale = _tensor(found, "output"), "logit"
        elif self.output == "similarity":
            return _similarity(outputs, targets)
        else:
            scores, scale = self._logits(examples, outputs), self.output
        if scores.ndim == 2 and scores.shape[1] == 1:
            scores = scores[:, 0]
        if scores.ndim not in (1, 2) or scores.shape[0] != len(examples):
            message = (
                f"The output has shape {tuple(scores.shape)} for {len(examples)} examples, and "
                "(examples,) or (examples, classes) is wanted: pick it with output=, a function of "
                "what the model returns and of the targets."
            )
            raise AttentionError(message)
        scores = scores.double()
        if scores.ndim == 1:
            return scores
        if scale == "probability":
            scores = scores.softmax(dim=1)
        chosen = torch.tensor([_class(one, scores.shape[1]) for one in targets])
        return scores.gather(1, chosen.to(scores.device)[:, None])[:, 0]

    def predicted(self, examples: Sequence[Example], outputs: Any) -> list[Example]:
        """Fill in missing targets with what the model predicts, so that they stay the same."""
        if self.output == "similarity":
            if any(one.target is None for one in examples):
                message = "Similarity to what? Give targets=, one text or vector an example."
                raise AttentionError(message)
            return list(examples)
        if all(one.target is not None for one in examples):
            return list(examples)
        if callable(self.output):
            logits = _tensor(self.output(outputs, [one.target for one in examples]), "output")
        else:
            logits = self._logits(examples, outputs)
        if logits.ndim != 2 or logits.shape[1] == 1:
            return list(examples)
        best = logits.argmax(dim=1).tolist()
        return [
            replace(one, target=int(index)) if one.target is None else one
            for one, index in zip(examples, best, strict=True)
        ]

    def embed(self, text: Any) -> Any:
        """The mean of a text's last states: the embedding that "similarity" compares with."""
        torch = import_torch()
        with torch.no_grad(), evaluating(self.model):
            example = self.read(text)
            return _states(self.outputs([example])).mean(dim=1)[0].detach()

    def _logits(self, examples: Sequence[Example], outputs: Any) -> Any:
        found = getattr(outputs, "logits", None)
        if found is None:
            found = outputs[0] if isinstance(outputs, tuple) else outputs
        if not hasattr(found, "ndim"):
            message = (
                f"The model returned a {type(outputs).__name__} without logits: pick a number with "
                "output=, a function of what the model returns and of the targets."
            )
            raise AttentionError(message)
        if hasattr(outputs, "last_hidden_state") and not hasattr(outputs, "logits"):
            message = (
                "The model returned hidden states and no logits: give output='similarity' with "
                "targets=, or a function output= of what it returns."
            )
            raise AttentionError(message)
        if found.ndim == 3:  # a language model: (batch, tokens, words)
            return found[range(len(examples)), [self.position(one) for one in examples]]
        return found

    def position(self, example: Example) -> int:
        """Where a language model's answer stands: at the mask if there is one, else at the end."""
        mask = getattr(getattr(self.tokenizer, "tokenizer", self.tokenizer), "mask_token_id", None)
        if mask is not None and not example.tokens.is_floating_point():
            places = (example.tokens == mask).nonzero().flatten().tolist()
            if len(places) == 1:
                return int(places[0])
        return example.n_tokens - 1

    # --- gradients --------------------------------------------------------------------------

    def embedding_of(self, example: Example) -> Any:
        """The module that turns the ids into vectors; None where vectors are given."""
        if example.tokens.is_floating_point():
            return None
        if self._embedding is not None:
            return self._embedding
        torch = import_torch()
        found: list[Any] = []
        ids = example.inputs[example.key]

        def look(module: Any, args: tuple[Any, ...], _output: Any) -> None:
            if args and args[0].shape == ids.shape and torch.equal(args[0], ids):
                found.append(module)

        tables = [m for m in self.model.modules() if isinstance(m, torch.nn.Embedding)]
        hooks = [module.register_forward_hook(look) for module in tables]
        try:
            with torch.no_grad():
                self.outputs([example])
        finally:
            for hook in hooks:
                hook.remove()
        if not found:
            message = (
                "No torch.nn.Embedding of the model was given the ids: name the module that turns "
                "ids into vectors, for instance embedding='encoder.embed'."
            )
            raise AttentionError(message)
        self._embedding = found[0]
        return found[0]

    def embedded(self, examples: Sequence[Example]) -> Any:
        """The vectors of the tokens, (examples, n, d), outside any graph."""
        torch = import_torch()
        tokens = torch.cat([one.inputs[one.key] for one in examples])
        module = self.embedding_of(examples[0])
        if module is None:
            return tokens.detach()
        with torch.no_grad():
            return module(tokens).detach()

    def scores_at(self, examples: Sequence[Example], vectors: Any) -> Any:
        """Scores with these vectors in place of the tokens' own, in their graph."""
        torch = import_torch()
        module = self.embedding_of(examples[0])
        inputs = {
            name: torch.cat([one.inputs[name] for one in examples]) for name in examples[0].inputs
        }
        if module is None:
            inputs[examples[0].key] = vectors
            return self.scores(examples, self.outputs(examples, inputs))
        hook = module.register_forward_hook(lambda _module, _args, _output: vectors)
        try:
            return self.scores(examples, self.outputs(examples, inputs))
        finally:
            hook.remove()

    # --- tokens -----------------------------------------------------------------------------

    def _tokenize(self, text: Any) -> Any:
        if self.tokenizer is None:
            message = f"The text {brief(text)} needs a tokenizer: give tokenizer=, or token ids."
            raise AttentionError(message)
        if not hasattr(self.tokenizer, "batch_decode"):  # a callable of the user's
            return self.tokenizer(text)
        pair = (text,) if isinstance(text, str) else tuple(text)
        return dict(self.tokenizer(*pair, truncation=True, return_tensors="pt"))

    def _name(self, tokens: Any) -> str:
        if tokens.is_floating_point():
            return f"{len(tokens)} vectors"
        tokenizer = getattr(self.tokenizer, "tokenizer", self.tokenizer)
        convert = getattr(tokenizer, "convert_ids_to_tokens", None)
        ids = tokens.tolist()
        return " ".join(map(str, ids if convert is None else convert(ids)))


def import_torch() -> Any:
    """Import torch, or say how to get it."""
    try:
        import torch
    except ImportError:
        message = "Evaluation runs torch models: pip install 'attn-widget[evaluate]'."
        raise AttentionError(message) from None
    return torch


@contextlib.contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """The model without dropout, and afterwards as it was, module by module."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def _named_module(model: Any, given: Any) -> Any:
    torch = import_torch()
    if given is None or isinstance(given, torch.nn.Module):
        return given
    try:
        return model.get_submodule(given)
    except (AttributeError, TypeError):
        names = [n for n, m in model.named_modules() if isinstance(m, torch.nn.Embedding)]
        known = f": it has {', '.join(map(repr, names))}" if names else ""
        message = f"The model has no module {brief(given)} to embed tokens{known}."
        raise AttentionError(message) from None


def _is_pair(given: Any) -> bool:
    return (
        isinstance(given, (tuple, list))
        and len(given) == 2
        and all(isinstance(one, str) for one in given)
    )


def _is_inputs(given: Any) -> bool:
    """Whether something holds ids or vectors already."""
    if isinstance(given, Mapping) or hasattr(given, "__array__") or hasattr(given, "detach"):
        return True
    return isinstance(given, (list, tuple)) and not any(isinstance(one, str) for one in given)


def _tensor(given: Any, name: str) -> Any:
    torch = import_torch()
    if isinstance(given, torch.Tensor):
        return given
    try:
        return torch.as_tensor(np.asarray(given))
    except (TypeError, ValueError):
        message = f"{name} must be numbers, not {brief(given)}."
        raise AttentionError(message) from None


def _class(target: Any, classes: int) -> int:
    if is_index(target) and 0 <= target < classes:
        return int(target)
    message = f"A target must be a class from 0 to {classes - 1}, not {brief(target)}."
    raise AttentionError(message)


def _states(outputs: Any) -> Any:
    found = getattr(outputs, "last_hidden_state", None)
    if found is None:
        found = outputs[0] if isinstance(outputs, tuple) else outputs
    if getattr(found, "ndim", 0) != 3:
        message = (
            f"Similarity takes the mean of hidden states (batch, tokens, size), and the model "
            f"returned a {type(outputs).__name__}: give a function output= of what it returns."
        )
        raise AttentionError(message)
    return found


def _similarity(outputs: Any, targets: Sequence[Any]) -> Any:
    torch = import_torch()
    mine = _states(outputs).mean(dim=1).double()
    theirs = torch.stack([_tensor(one, "target") for one in targets]).to(mine)
    return torch.nn.functional.cosine_similarity(mine, theirs, dim=1)
