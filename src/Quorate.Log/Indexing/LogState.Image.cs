using System.Runtime.InteropServices;
using Quorate.Core;
using Quorate.Core.Columns;
using Quorate.Core.Map;
using Quorate.Core.Merkle;
using Quorate.Log.Images;
using Quorate.Log.Storage;

namespace Quorate.Log.Indexing;

sealed partial class LogState
{
    internal DerivedFolder? Folder => _folder;

    /// <summary>What an image of the published state is made of; null before the first head. Writer only.</summary>
    internal ImageContents? Capture() =>
        _snapshot is { } snapshot
            ? new ImageContents(
                snapshot.Head,
                _recordedFrame,
                snapshot.HeadCount,
                _recordedBytes,
                snapshot.Map,
                [.. _strays],
                _unheld is null ? [] : CollectionsMarshal.AsSpan(_unheld)[.._recordedUnheld].ToArray()
            )
            : null;

    /// <summary>Writes one section. Beside the writer: of what still grows, only what the head covers is written.</summary>
    /// <exception cref="IOException">Derived files are not what was written, or not written at all.</exception>
    internal void Save(ImageSection section, ImageContents contents, Stream image)
    {
        var (size, heads) = (contents.Head.TreeSize, contents.HeadCount);
        switch (section)
        {
            case ImageSection.Tree:
                Tree.Save(image, size);
                break;
            case ImageSection.MapHistory:
                MapHistory.Save(image, contents.Head.MhTreeSize);
                break;
            case ImageSection.Positions:
                _positions.Save(image, size);
                break;
            case ImageSection.Heads:
                Heads.Save(image, heads);
                break;
            case ImageSection.Map:
                if (!contents.Map.TrySave(image, CancellationToken.None))
                {
                    throw new IOException("the map went on before its image could be begun");
                }
                break;
            case ImageSection.Values:
                _values.Save(image, size);
                break;
            case ImageSection.StoreHashes:
                _storeHashes.Save(image, size);
                break;
            case ImageSection.MapRoots:
                _mapRoots.Save(image, heads);
                break;
            case ImageSection.Later:
                _repeated.Save(image, size);
                break;
            case ImageSection.Strays:
                image.Write(MemoryMarshal.AsBytes(contents.Strays.Select(s => new Stray(s.Key, s.Value)).ToArray().AsSpan()));
                break;
            case ImageSection.Unheld:
                image.Write(MemoryMarshal.AsBytes(contents.Unheld.AsSpan()));
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(section));
        }
    }

    /// <summary>Takes over what an image holds; the state must be empty. After an exception it is to be emptied by <see cref="BeginAfresh"/>.</summary>
    /// <exception cref="MalformedException">The image, or a column that it vouches for, is not what was written.</exception>
    internal void Restore(StateImage image)
    {
        var (head, heads) = (image.Header.Head, image.Header.HeadCount);
        Tree = image.Read(ImageSection.Tree, s => MerkleTree.Load(s, head.TreeSize, _folder!.Leaves));
        MapHistory = image.Read(ImageSection.MapHistory, s => MerkleTree.Load(s, head.MhTreeSize, _folder!.MapHistory));
        _positions = image.Read(
            ImageSection.Positions,
            s =>
            {
                var positions = new Column<FramePosition>(PositionsAtOnce, _folder!.Positions);
                positions.Load(s, head.TreeSize);
                return positions;
            }
        );
        Heads = image.Read(ImageSection.Heads, s => HeadLog.Load(s, heads, _folder!.Heads));
        Reader = new EntryReader(_storage, Tree, _positions);
        UseMap(image.Read(ImageSection.Map, s => SparseMap.Load(s, this)));
        _values = image.Read(ImageSection.Values, HashIndex.Load);
        _storeHashes = image.Read(ImageSection.StoreHashes, HashIndex.Load);
        _mapRoots = image.Read(ImageSection.MapRoots, HashIndex.Load);
        _ = image.Read(ImageSection.Later, _repeated.Load);
        foreach (var stray in image.Read(ImageSection.Strays, ReadAll<Stray>))
        {
            _strays.TryAdd(stray.Digest, stray.Position);
        }
        var unheld = image.Read(ImageSection.Unheld, ReadAll<Sha256Digest>);
        _unheld?.AddRange(unheld);
        (_recorded, _recordedFrame) = (head, image.Header.Frame);
        Bytes = _recordedBytes = image.Header.Bytes;
        _recordedUnheld = _unheld?.Count ?? 0;
        _snapshot = new LogSnapshot(head, _map.Published, heads);
    }

    /// <summary>Everything is about to be rebuilt: forgets what there is, and empties the derived files.</summary>
    /// <param name="keepImage">The image still has something to say, although it is not believed.</param>
    internal void BeginAfresh(bool keepImage)
    {
        _folder?.Clear(keepImage);
        Tree = new MerkleTree(_folder?.Leaves);
        MapHistory = new MerkleTree(_folder?.MapHistory);
        Heads = new HeadLog(_folder?.Heads);
        _positions = new Column<FramePosition>(PositionsAtOnce, _folder?.Positions);
        Reader = new EntryReader(_storage, Tree, _positions);
        UseMap(new SparseMap(this));
        _values = new HashIndex();
        _storeHashes = new HashIndex();
        _mapRoots = new HashIndex();
        _repeated.Clear();
        _strays.Clear();
        _unheld?.Clear();
        (_recorded, _recordedFrame, _recordedBytes, _recordedUnheld) = (null, default, 0, 0);
        (Bytes, StagedFrom, _snapshot) = (0, null, null);
    }

    void UseMap(SparseMap map)
    {
        Historic.Dispose();
        _map.Dispose();
        _map = map;
        Historic = new HistoricMaps(map);
    }

    static T[] ReadAll<T>(SectionReader image)
        where T : unmanaged
    {
        var items = new T[image.Remaining / System.Runtime.CompilerServices.Unsafe.SizeOf<T>()];
        image.ReadExactly(MemoryMarshal.AsBytes(items.AsSpan()));
        return items;
    }

    readonly record struct Stray(Sha256Digest Digest, FramePosition Position);
}
