using System.Globalization;
using System.Text;
using Quorate.Core;

namespace Quorate.Nix;

/// <summary>Reads one narinfo file. Fields are collected line by line and checked together at the end.</summary>
sealed class NarInfoReader(string storeDir)
{
    const int MaxUrl = 2048;
    const int MaxShortField = 512;

    readonly Dictionary<string, string> _fields = new(StringComparer.Ordinal);
    readonly List<string> _signatures = [];

    public string Error { get; private set; } = "";

    public NarInfo? Read(ReadOnlySpan<byte> file)
    {
        if (file.Length > NarInfo.MaxBytes)
        {
            return Fail($"{file.Length} bytes are over the limit of {NarInfo.MaxBytes}");
        }
        for (var number = 1; !file.IsEmpty; number++)
        {
            var end = file.IndexOf((byte)'\n');
            if (end < 0)
            {
                return Fail($"line {number} does not end");
            }
            if (!TryLine(file[..end]))
            {
                return Fail($"line {number}: {Error}");
            }
            file = file[(end + 1)..];
        }
        return Build();
    }

    bool TryLine(ReadOnlySpan<byte> line)
    {
        var colon = line.IndexOf((byte)':');
        if (colon <= 0 || colon + 1 >= line.Length || line[colon + 1] != ' ')
        {
            Error = "not of the form `Name: value`";
            return false;
        }
        var name = Encoding.Latin1.GetString(line[..Math.Min(colon, 32)]);
        if (!IsKnown(name))
        {
            return true;
        }
        var bytes = line[(colon + 2)..];
        if (bytes.ContainsAnyExceptInRange((byte)' ', (byte)'~'))
        {
            Error = $"{name} is not printable ASCII";
            return false;
        }
        var value = Encoding.ASCII.GetString(bytes);
        if (name == "Sig")
        {
            _signatures.Add(value);
            Error =
                _signatures.Count > NarInfo.MaxSignatures ? $"more than {NarInfo.MaxSignatures} signatures"
                : value.Length > MaxShortField ? "Sig is too long"
                : "";
            return Error.Length == 0;
        }
        Error = _fields.TryAdd(name, value) ? "" : $"{name} occurs twice";
        return Error.Length == 0;
    }

    static bool IsKnown(string name) =>
        name
            is "StorePath"
                or "URL"
                or "Compression"
                or "FileHash"
                or "FileSize"
                or "NarHash"
                or "NarSize"
                or "References"
                or "Deriver"
                or "Sig"
                or "CA";

    NarInfo? Build()
    {
        if (!StorePath.TryParse(Field("StorePath"), storeDir, out var path))
        {
            return Fail($"StorePath is missing or not a path in {storeDir}");
        }
        var url = Field("URL");
        if (url.Length is 0 or > MaxUrl || url.Contains(' ', StringComparison.Ordinal))
        {
            return Fail("URL is missing or not valid");
        }
        if (!NarHash.TryParse(Field("NarHash"), out var narHash))
        {
            return Fail("NarHash is missing or not a SHA-256");
        }
        if (!TryNumber(Field("NarSize"), out var narSize) || narSize == 0)
        {
            return Fail("NarSize is missing, zero or not canonical");
        }
        // Nix's default for a cache that states none is bzip2.
        var compression = Field("Compression") is { Length: > 0 } stated ? stated : "bzip2";
        if (compression.Length > 16 || !compression.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c)))
        {
            return Fail("Compression is not a name");
        }
        Sha256Digest? fileHash = null;
        if (_fields.TryGetValue("FileHash", out var fileHashText))
        {
            if (!NarHash.TryParse(fileHashText, out var parsed))
            {
                return Fail("FileHash is not a SHA-256");
            }
            fileHash = parsed;
        }
        ulong? fileSize = null;
        if (_fields.TryGetValue("FileSize", out var fileSizeText))
        {
            if (!TryNumber(fileSizeText, out var parsed))
            {
                return Fail("FileSize is not a canonical number");
            }
            fileSize = parsed;
        }
        if (!TryReferences(out var references))
        {
            return null;
        }
        var deriver = Field("Deriver");
        if (deriver is not ("" or "unknown-deriver") && !StorePath.TryFromBaseName(storeDir, deriver, out _))
        {
            return Fail("Deriver is not a base name");
        }
        if (_fields.TryGetValue("CA", out var contentAddress) && contentAddress.Length > MaxShortField)
        {
            return Fail("CA is too long");
        }
        return new NarInfo
        {
            StorePath = path,
            Url = url,
            Compression = compression,
            FileHash = fileHash,
            FileSize = fileSize,
            NarHash = narHash,
            NarSize = narSize,
            References = references,
            Deriver = deriver is "" or "unknown-deriver" ? null : deriver,
            Signatures = _signatures,
            ContentAddress = contentAddress is "" ? null : contentAddress,
        };
    }

    /// <summary>Nix reads references into a set; caches do not all print them in order, so order is made here. A duplicate is refused.</summary>
    bool TryReferences(out StorePath[] references)
    {
        references = [];
        var names = Field("References").Split(' ', NarInfo.MaxReferences + 1, StringSplitOptions.RemoveEmptyEntries);
        if (names.Length > NarInfo.MaxReferences)
        {
            Error = $"more than {NarInfo.MaxReferences} references";
            return false;
        }
        var paths = new StorePath[names.Length];
        for (var i = 0; i < names.Length; i++)
        {
            if (!StorePath.TryFromBaseName(storeDir, names[i], out var path))
            {
                Error = $"References: item {i} is not a base name";
                return false;
            }
            paths[i] = path;
        }
        Array.Sort(paths);
        for (var i = 1; i < paths.Length; i++)
        {
            if (paths[i - 1] == paths[i])
            {
                Error = $"References: {paths[i].BaseName} occurs twice";
                return false;
            }
        }
        references = paths;
        return true;
    }

    string Field(string name) => _fields.GetValueOrDefault(name, "");

    NarInfo? Fail(string error)
    {
        Error = error;
        return null;
    }

    static bool TryNumber(string text, out ulong number) =>
        ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && (text[0] != '0' || text.Length == 1);
}
