using System.Numerics;

namespace Quorate.Nix.Verification;

/// <summary>
/// A trust model over builders that are bits of a set: which sets of builders are believed together. Monotone: a superset of a qualified
/// set is qualified, and the empty set never is. A builder stands in it once, so that its groups are disjoint. Immutable.
/// </summary>
public abstract class QuorumModel
{
    public const int MaxBuilders = 64;

    QuorumModel(ulong builders) => Builders = builders;

    /// <summary>Every builder that the model names.</summary>
    public ulong Builders { get; }

    /// <summary>Whether these builders together are believed.</summary>
    public abstract bool Holds(ulong builders);

    /// <summary>Size of the smallest qualified subset of <paramref name="builders"/>; null when none is qualified.</summary>
    public abstract int? SmallestWithin(ulong builders);

    /// <summary>Whether some qualified subset of <paramref name="builders"/> has exactly this size.</summary>
    public bool HoldsForSize(ulong builders, int size) =>
        SmallestWithin(builders) is { } smallest && smallest <= size && size <= BitOperations.PopCount(builders);

    public static QuorumModel Builder(int bit)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bit);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(bit, MaxBuilders);
        return new Leaf(1UL << bit);
    }

    /// <exception cref="ArgumentException">The number is impossible, or a builder stands in two children.</exception>
    public static QuorumModel Threshold(int required, IReadOnlyList<QuorumModel> children)
    {
        if (required < 1 || required > children.Count)
        {
            throw new ArgumentException($"{required} of a group of {children.Count} is impossible", nameof(required));
        }
        var builders = 0UL;
        foreach (var child in children)
        {
            if ((builders & child.Builders) != 0)
            {
                throw new ArgumentException("a builder stands in the model twice", nameof(children));
            }
            builders |= child.Builders;
        }
        return new Group(required, [.. children], builders);
    }

    sealed class Leaf(ulong bit) : QuorumModel(bit)
    {
        public override bool Holds(ulong builders) => (builders & Builders) != 0;

        public override int? SmallestWithin(ulong builders) => Holds(builders) ? 1 : null;
    }

    sealed class Group(int required, QuorumModel[] children, ulong builders) : QuorumModel(builders)
    {
        public override bool Holds(ulong builders)
        {
            var holding = 0;
            foreach (var child in children)
            {
                if (child.Holds(builders) && ++holding == required)
                {
                    return true;
                }
            }
            return false;
        }

        public override int? SmallestWithin(ulong builders)
        {
            var sizes = new List<int>(children.Length);
            foreach (var child in children)
            {
                if (child.SmallestWithin(builders) is { } size)
                {
                    sizes.Add(size);
                }
            }
            sizes.Sort();
            return sizes.Count < required ? null : sizes.Take(required).Sum();
        }
    }
}
