using System.Text;
using Quorate.Core.Encodings;
using Quorate.Core.Files;
using Quorate.Crypto.Notes;

namespace Quorate.Log.Witnessing;

/// <summary>
/// Checkpoints with their cosignatures as a state directory keeps them. Only evidence is kept, which is verified anew whenever it is read: a damaged
/// line is worth nothing, and costs nothing but that witness's word until it is heard again.
/// </summary>
public static class CheckpointNotes
{
    /// <summary>In the folder of a published log: the newest checkpoint that is out.</summary>
    public const string OwnFile = CheckpointFile.Name;

    /// <summary>In the state directory: for each followed log a file, named by the log's ID.</summary>
    public const string ListFolder = "witnessed";

    const int MaxListBytes = 1 << 20;

    /// <summary>The checkpoint of a file; empty where there is none.</summary>
    /// <exception cref="IOException"/>
    public static IReadOnlyList<SignedNote> Read(string path) =>
        IsThere(path, SignedNote.MaxBytes) && SignedNote.TryParse(File.ReadAllBytes(path), out var note, out _) ? [note] : [];

    /// <summary>The newest checkpoint that each witness of a followed log cosigned, a base64 line each; empty where there is no such file.</summary>
    /// <exception cref="IOException"/>
    public static IReadOnlyList<SignedNote> ReadList(string path)
    {
        if (!IsThere(path, MaxListBytes))
        {
            return [];
        }
        var notes = new List<SignedNote>();
        foreach (var line in File.ReadLines(path))
        {
            if (StrictBase64.TryDecode(line, SignedNote.MaxBytes, out var bytes) && SignedNote.TryParse(bytes, out var note, out _))
            {
                notes.Add(note);
            }
        }
        return notes;
    }

    /// <exception cref="IOException"/>
    public static void WriteList(string path, IEnumerable<SignedNote> notes)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var text = string.Concat(notes.Select(note => StrictBase64.Encode(note.Bytes.Span) + "\n"));
        DurableFile.Replace(path, Encoding.ASCII.GetBytes(text), DurableFile.Private);
    }

    static bool IsThere(string path, int maxBytes) => FileLookup.IsThere(path) && new FileInfo(path).Length <= maxBytes;
}
