using System.Text;
using Quorate.Core.Encodings;
using Quorate.Core.Files;
using Quorate.Crypto.Notes;

namespace Quorate.Node.Subscriptions;

/// <summary>
/// The newest cosigned checkpoint of each witness of a followed log, a base64 line each. Only evidence is kept, which is verified anew whenever it is read: a damaged
/// line is worth nothing, and costs nothing but that witness's word until it is heard again.
/// </summary>
sealed class WitnessNotesFile(string path)
{
    const int MaxBytes = 1 << 20;

    public IReadOnlyList<SignedNote> Read()
    {
        if (!File.Exists(path) || new FileInfo(path).Length > MaxBytes)
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

    public void Write(IEnumerable<SignedNote> notes)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var text = string.Concat(notes.Select(note => StrictBase64.Encode(note.Bytes.Span) + "\n"));
        DurableFile.Replace(path, Encoding.ASCII.GetBytes(text), DurableFile.Private);
    }
}
