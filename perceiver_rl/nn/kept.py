"""What layers make of their parameters alone, kept for as long as the parameters stay the same."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from contextvars import ContextVar
from itertools import chain
from operator import is_
from typing import Any, Generic, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

Made = TypeVar("Made")
Source = Tensor | nn.Module | None

# With more numbers than this, comparing them saves too little to be worth the memory of a copy.
_LARGEST = 1 << 14
_COMPARED = (torch.float32, torch.float64)


class Kept(Generic[Made]):
    """The last result of a computation, for the same numbers.

    An agent decides many times between two updates. What its layers make of their parameters alone
    is the same all that time, and takes a small network a good part of its time. Whether parameters
    are the same is decided by their numbers, which it takes little to compare: nothing else tells
    for certain, as much that writes to parameters leaves no trace.

    Copies start empty.
    """

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: _Result | None = None

    def __reduce__(self) -> tuple[type[Kept[Made]], tuple[()]]:
        return (type(self), ())

    def __call__(
        self, make: Callable[[], Made], *sources: Source, variant: Hashable = None
    ) -> Made:
        """Return what ``make`` returns, or has returned for the same numbers.

        Anew where a gradient is wanted, where numbers are many or not on a CPU, in graphs and
        traces, in mixed precision, and where something else stands in for the parameters.

        Args:
            make: Computes the result from the sources, the variant and constants alone.
            sources: Layers and tensors that it computes it from, a parameter first; None counts for
                nothing.
            variant: What else it depends on.
        """
        if torch.compiler.is_compiling():  # into a graph, which cannot ask
            return make()
        together = _together.get()
        found = None if together is None else together.find(self)
        if found is not None and found.is_of(sources, variant):
            return found.made
        if not _keeps():
            return make()
        made, found = self._compare(make, sources, variant)
        if together is not None and found is not None:
            together.remember(self, found)
        return made

    def _compare(
        self, make: Callable[[], Made], sources: tuple[Source, ...], variant: Hashable
    ) -> tuple[Made, _Result | None]:
        """Return a result, and what there is to remember of it."""
        given = _tensors(sources)
        if not given or not isinstance(given[0], nn.Parameter):
            return make(), None
        last = self._last
        if last is not None and last.variant == variant and last.numbers.are_those_of(given):
            return last.made, last._replace(sources=sources)
        made = make()
        if not _are_little(given):
            return made, None
        self._last = _Result(sources, variant, _Numbers(given), made)
        return made, self._last


class KeptTogether:
    """Compares the sources of many :class:`Kept` at once, where nothing changes them meanwhile.

    For one forward of a whole network, within ``with``: what had the same sources in an earlier one
    is compared when it begins, and trusted until it ends. Neither gradients nor mixed precision may
    begin within. One comparison after the other takes a small network a twentieth of its time more.

    Copies start empty.
    """

    def __init__(self) -> None:
        self._results: dict[Kept[Any], _Result] = {}
        self._all = _AllNumbers([])

    def __reduce__(self) -> tuple[type[KeptTogether], tuple[()]]:
        return (type(self), ())

    def __enter__(self) -> None:
        if not _keeps():
            return
        results, known = list(self._results.values()), self._all
        if not _same_objects(known.results, results):
            self._all = known = _AllNumbers(results)
        if not known.are_the_same():
            self._results = {}
        _together.set(self)

    def __exit__(self, *_: object) -> None:
        _together.set(None)

    def find(self, kept: Kept[Any]) -> _Result | None:
        """Return the result that is known to be of the same numbers."""
        return self._results.get(kept)

    def remember(self, kept: Kept[Any], result: _Result) -> None:
        """Compare the sources of a result from now on."""
        self._results[kept] = result


_together: ContextVar[KeptTogether | None] = ContextVar("_together", default=None)


class _Result(NamedTuple):
    """What was made, and of what."""

    sources: tuple[Source, ...]
    variant: Hashable
    numbers: _Numbers
    made: Any

    def is_of(self, sources: tuple[Source, ...], variant: Hashable) -> bool:
        """Return whether it was made of the very same objects."""
        return self.variant == variant and _same_objects(self.sources, sources)


class _Numbers:
    """What tensors held at one time.

    The bytes are compared outside of torch, which takes a fraction of the time for a few of them.
    """

    __slots__ = ("bytes", "memory", "own")

    def __init__(self, sources: Iterable[Tensor]) -> None:
        # Views of the memory where parameters stay; they keep others from getting that memory.
        self.own = [source.detach() for source in sources]
        self.memory = [own.numpy().data.cast("B") for own in self.own]
        self.bytes = [memory.tobytes() for memory in self.memory]

    @classmethod
    def of_all(cls, parts: Iterable[_Numbers]) -> _Numbers:
        """Return the numbers of several lists of tensors as those of one."""
        joined = cls(())
        for part in parts:
            for name in cls.__slots__:
                getattr(joined, name).extend(getattr(part, name))
        return joined

    def are_those_of(self, sources: Sequence[Tensor]) -> bool:
        """Return whether tensors hold the same."""
        if len(sources) != len(self.own):
            return False
        try:
            same_memory = all(map(Tensor.is_set_to, self.own, sources))
        except NotImplementedError:  # no memory that it could be
            return False
        if same_memory:  # in the same shape
            # Compares without a copy, unlike ==.
            return all(map(bytes.startswith, self.bytes, self.memory))
        return all(map(_holds, sources, self.own, self.bytes))


def _holds(source: Tensor, own: Tensor, numbers: bytes) -> bool:
    """Return whether a tensor is like another one, and holds numbers."""
    if source.dtype is not own.dtype or not source.is_cpu or source.shape != own.shape:
        return False
    return source.detach().numpy().tobytes() == numbers


class _AllNumbers:
    """What the sources of several results held when they were made."""

    def __init__(self, results: list[_Result]) -> None:
        self.results = results
        sources = [source for result in results for source in result.sources]
        layers = [source for source in sources if isinstance(source, nn.Module)]
        # All of this follows what becomes of the layers.
        self._given = [
            source._parameters.values() if isinstance(source, nn.Module) else (source,)
            for source in sources
        ]
        self._computing = [x for layer in layers for x in _computing(layer)]
        self._tensors = self._find()
        self._numbers = _Numbers.of_all(result.numbers for result in results)

    def are_the_same(self) -> bool:
        """Return whether the sources hold the same."""
        if any(self._computing):
            return False
        tensors = self._find()
        # What stands in for a parameter is not asked: it may not have numbers to compare.
        return _same_objects(tensors, self._tensors) and self._numbers.are_those_of(tensors)

    def _find(self) -> list[Tensor]:
        return [x for x in chain.from_iterable(self._given) if x is not None]


def _same_objects(first: Sequence[object], second: Sequence[object]) -> bool:
    return len(first) == len(second) and all(map(is_, first, second))


def _keeps() -> bool:
    """Return whether anything is kept: no gradients, mixed precision, graphs or traces."""
    if torch.is_grad_enabled() or torch.is_autocast_enabled("cpu"):
        return False
    return not (torch.compiler.is_compiling() or torch.jit.is_tracing())  # type: ignore[attr-defined]


def _computing(layer: nn.Module) -> tuple[Any, Any]:
    """Return what is empty unless torch computes a layer's parameters each time."""
    return layer._modules, layer._forward_pre_hooks


def _tensors(sources: Iterable[Source]) -> list[Tensor]:
    """Return tensors and the parameters of layers; none at all if a layer computes its own.

    Those of a layer in one go, as a module takes long to find a single one.
    """
    found: list[Tensor] = []
    for source in sources:
        if isinstance(source, nn.Module):
            if any(_computing(source)):
                return []
            found += source._parameters.values()  # type: ignore[arg-type]  # None is left out below
        else:
            found.append(source)  # type: ignore[arg-type]
    return [tensor for tensor in found if tensor is not None]


def is_little(sources: Iterable[Source]) -> bool:
    """Return whether what is made of parameters is kept, as comparing them takes little."""
    return _are_little(_tensors(sources))


def _are_little(given: Sequence[Tensor]) -> bool:
    sizes = [x.numel() for x in given]
    plain = all(x.device.type == "cpu" and x.dtype in _COMPARED for x in given)
    contiguous = all(x.is_contiguous() for x in given)
    return plain and contiguous and min(sizes, default=0) > 0 and sum(sizes) <= _LARGEST
