using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Quorate.Core;
using Quorate.Core.Files;
using Quorate.Crypto;
using Quorate.Crypto.Keys;
using Xunit;

namespace Quorate.Tests.Crypto.Keys;

public sealed class KeyFilesTests : IDisposable
{
    // Public test fixtures of Trustix; they protect nothing.
    const string Private = "oPGw8rNh03IVBaQ1AJNWnrud99CQM8JGO3Ef16PBbx2Gr+S1ISO6Nfg38rqJEuo0C9LOMSyGJiJLG55EWEmdPQ==";
    const string Public = "hq/ktSEjujX4N/K6iRLqNAvSzjEshiYiSxueRFhJnT0=";

    // RFC 8410 §10.1 and §10.3.
    const string Rfc8410 = """
        -----BEGIN PRIVATE KEY-----
        MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
        -----END PRIVATE KEY-----
        """;
    const string Rfc8410Public = "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";

    readonly string _folder = Directory.CreateTempSubdirectory("quorate-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    string PathOf(string name) => Path.Combine(_folder, name);

    [Theory]
    [InlineData(Private)]
    [InlineData(Private + "\n")]
    [InlineData("oPGw8rNh03IVBaQ1AJNWnrud99CQM8JGO3Ef16\r\nPBbx2Gr+S1ISO6Nfg38rqJEuo0C9LOMSyGJiJLG55EWEmdPQ==\r\n")]
    public void ParsePrivate_of_the_Trustix_form_gives_the_key(string text)
    {
        using var key = KeyFiles.ParsePrivate(Encoding.ASCII.GetBytes(text));
        Assert.Equal(Public, key.PublicKey.ToString());
    }

    [Fact]
    public void ParsePrivate_of_RFC_8410s_example_gives_its_public_key()
    {
        using var key = KeyFiles.ParsePrivate(Encoding.ASCII.GetBytes(Rfc8410));
        Assert.Equal(Rfc8410Public, key.PublicKey.ToString());
    }

    [Theory]
    [InlineData(PrivateKeyForm.Trustix)]
    [InlineData(PrivateKeyForm.Pkcs8)]
    public void Private_keys_come_back_from_their_files(PrivateKeyForm form)
    {
        using var key = Ed25519PrivateKey.Generate();
        KeyFiles.WritePrivate(PathOf("key"), key, form);
        Assert.Equal(DurableFile.Private, File.GetUnixFileMode(PathOf("key")));
        var read = KeyFiles.ReadPrivate(PathOf("key"));
        Assert.Equal(key.PublicKey, read.Key.PublicKey);
        Assert.False(read.ReadableByOthers);
        read.Key.Dispose();
    }

    [Fact]
    public void Every_key_survives_both_forms() =>
        Prop.ForAll<byte[]>(bytes =>
            {
                using var key = Ed25519PrivateKey.FromSeed(System.Security.Cryptography.SHA256.HashData(bytes));
                return Enum.GetValues<PrivateKeyForm>()
                    .All(form =>
                    {
                        using var parsed = KeyFiles.ParsePrivate(KeyFiles.FormatPrivate(key, form));
                        return parsed.PublicKey.Equals(key.PublicKey);
                    });
            })
            .QuickCheckThrowOnFailure();

    [Fact]
    public void WritePrivate_over_an_existing_file_is_refused()
    {
        File.WriteAllText(PathOf("key"), "precious");
        using var key = Ed25519PrivateKey.Generate();
        Assert.Throws<IOException>(() => KeyFiles.WritePrivate(PathOf("key"), key));
        Assert.Equal("precious", File.ReadAllText(PathOf("key")));
    }

    [Theory]
    [InlineData(UnixFileMode.GroupRead)]
    [InlineData(UnixFileMode.OtherRead)]
    public void ReadPrivate_of_a_file_that_others_may_read_says_so(UnixFileMode extra)
    {
        File.WriteAllText(PathOf("key"), Private);
        File.SetUnixFileMode(PathOf("key"), DurableFile.Private | extra);
        var read = KeyFiles.ReadPrivate(PathOf("key"));
        Assert.True(read.ReadableByOthers);
        read.Key.Dispose();
    }

    [Fact]
    public void Public_keys_come_back_from_their_files()
    {
        using var key = Ed25519PrivateKey.Generate();
        KeyFiles.WritePublic(PathOf("key.pub"), key.PublicKey);
        Assert.Equal(key.PublicKey, KeyFiles.ReadPublic(PathOf("key.pub")));
    }

    public static TheoryData<string> MalformedPrivateKeys =>
        [
            "",
            "\n",
            Public,
            Private + " ",
            Private[..^2],
            Private + Private,
            "p" + Private[1..],
            Private[..^4] + "nT0=",
            Private.Replace("PQ==", "PR==", StringComparison.Ordinal),
            new string('A', 20_000),
            new string('\n', 15_000) + Public,
            "-----BEGIN PRIVATE KEY-----\n",
            "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
            Rfc8410 + "\nmore",
            "more\n" + Rfc8410,
            Rfc8410 + "\n" + Rfc8410,
            Rfc8410.Replace("PRIVATE KEY", "EC PRIVATE KEY", StringComparison.Ordinal),
            Rfc8410.Replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY", StringComparison.Ordinal),
        ];

    [Theory]
    [MemberData(nameof(MalformedPrivateKeys))]
    public void ParsePrivate_of_anything_else_is_malformed_and_quotes_no_key(string text)
    {
        var fault = Assert.Throws<MalformedException>(() => KeyFiles.ParsePrivate(Encoding.ASCII.GetBytes(text)));
        Assert.DoesNotContain("oPGw8rNh", fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("INTuctv5", fault.Message, StringComparison.Ordinal);
    }

    const string Der = "302e020100300506032b657004220420d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842";
    const string PublicBits = "812100";
    const string PublicHex = "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1";

    [Fact]
    public void ParsePrivate_of_version_1_with_its_public_key_gives_the_key()
    {
        var der = Der.Replace("302e020100", "3051020101", StringComparison.Ordinal) + PublicBits + PublicHex;
        using var key = KeyFiles.ParsePrivate(Pem(der));
        Assert.Equal(Rfc8410Public, key.PublicKey.ToString());
    }

    public static TheoryData<string, string> MalformedDer =>
        new()
        {
            { "trailing byte", Der + "00" },
            { "cut", Der[..^2] },
            { "long form length", Der.Replace("302e", "30812e", StringComparison.Ordinal) },
            { "version 2", Der.Replace("020100", "020102", StringComparison.Ordinal) },
            { "version 1 without public key", Der.Replace("020100", "020101", StringComparison.Ordinal) },
            { "X25519", Der.Replace("2b6570", "2b656e", StringComparison.Ordinal) },
            { "parameters", "3030020100300706032b6570050004220420" + Der[^64..] },
            { "short seed", "302d020100300506032b65700421041f" + Der[^62..] },
            { "foreign public key", "3051020101300506032b657004220420" + Der[^64..] + PublicBits + new string('0', 64) },
            { "public key in version 0", "3051020100300506032b657004220420" + Der[^64..] + PublicBits + PublicHex },
            { "attributes", "3030020101300506032b657004220420" + Der[^64..] + "a000" },
        };

    [Theory]
    [MemberData(nameof(MalformedDer))]
    public void ParsePrivate_of_other_DER_is_malformed(string what, string der) =>
        Assert.True(Record.Exception(() => KeyFiles.ParsePrivate(Pem(der))) is MalformedException, what);

    [Theory]
    [InlineData("")]
    [InlineData("hq/ktSEjujX4N/K6iRLqNAvSzjEshiYiSxueRFhJnT0")]
    [InlineData(Public + " ")]
    [InlineData(Private)]
    public void TryParsePublic_of_anything_else_is_refused(string text) =>
        Assert.False(KeyFiles.TryParsePublic(Encoding.ASCII.GetBytes(text), out _));

    static byte[] Pem(string der) => System.Security.Cryptography.PemEncoding.WriteUtf8("PRIVATE KEY"u8, Convert.FromHexString(der));
}
