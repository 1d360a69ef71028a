using Quorate.Core.Files;
using Quorate.Crypto.Notes;
using Quorate.Log.Tiles;

namespace Quorate.Log.Witnessing;

/// <summary>The file <c>checkpoint</c> in the folder of a log that one node has for itself.</summary>
sealed class CheckpointFile(string folder) : ICheckpointKeeper
{
    internal const string Name = "checkpoint";

    public string Place { get; } = Path.Combine(folder, Name);

    public bool IsShared => false;

    public bool AsksWitnesses => true;

    public async ValueTask<ReadOnlyMemory<byte>?> ReadAsync(CancellationToken cancellationToken)
    {
        if (!File.Exists(Place))
        {
            return null;
        }
        return new FileInfo(Place).Length <= SignedNote.MaxBytes
            ? await File.ReadAllBytesAsync(Place, cancellationToken)
            : ReadOnlyMemory<byte>.Empty;
    }

    public ValueTask<bool> WriteAsync(PublishedCheckpoint checkpoint, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        DurableFile.Replace(Place, checkpoint.Note.Bytes.Span, DurableFile.Private);
        return ValueTask.FromResult(true);
    }

    /// <summary>Nobody else signs.</summary>
    public ValueTask CatchUpAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <summary>What is submitted comes later: nobody has the log before its witnesses were asked.</summary>
    public void BeginSigning() { }
}
