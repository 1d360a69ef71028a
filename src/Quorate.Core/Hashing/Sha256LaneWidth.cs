namespace Quorate.Core.Hashing;

/// <summary>How many messages one pass of the kernel hashes side by side.</summary>
public enum Sha256LaneWidth
{
    /// <summary>One at a time, by the platform's SHA-256.</summary>
    Scalar = 1,

    /// <summary>Four, in 128-bit vectors (SSE2, AdvSIMD).</summary>
    Vector128 = 4,

    /// <summary>Eight, in 256-bit vectors (AVX2).</summary>
    Vector256 = 8,

    /// <summary>Sixteen, in 512-bit vectors (AVX-512).</summary>
    Vector512 = 16,
}
