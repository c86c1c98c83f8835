"""A torch model as a function from one example to one number, and its gradient.

Examples of one length share a forward pass and are never padded, so that a number does not depend
on what it was computed beside.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .errors import AttentionError, brief, is_index
from .examples import Example, Reader, as_tensor, import_torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

OUTPUTS = ("probability", "logit", "similarity")


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
        self.reader = Reader(model, tokenizer, blank)
        self.output = output
        self.batch_size = int(batch_size)
        self._embedding = _named_module(model, embedding)

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
            scores, scale = as_tensor(found, "output"), "logit"
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
            logits = as_tensor(self.output(outputs, [one.target for one in examples]), "output")
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
            example = self.reader.read(text)
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
            return found[range(len(examples)), [self.reader.position(one) for one in examples]]
        return found

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
    theirs = torch.stack([as_tensor(one, "target") for one in targets]).to(mine)
    return torch.nn.functional.cosine_similarity(mine, theirs, dim=1)
