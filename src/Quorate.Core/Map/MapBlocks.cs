using System.Runtime.CompilerServices;

namespace Quorate.Core.Map;

/// <summary>Where the blocks of a version lie: in the map's arena and, for the map of an earlier size, in a second one of its own.</summary>
/// <param name="Overlay">Holds the blocks whose numbers have <see cref="InOverlay"/> set.</param>
readonly unsafe record struct MapBlocks(MapArena Arena, MapArena? Overlay)
{
    public const uint InOverlay = 0x8000_0000;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public MapBlock* At(uint number) => (number & InOverlay) == 0 ? Arena.At(number) : Overlay!.At(number & ~InOverlay);
}
