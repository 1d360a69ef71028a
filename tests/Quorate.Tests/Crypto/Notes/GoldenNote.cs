using System.Text;
using Quorate.Crypto;
using Quorate.Crypto.Notes;

namespace Quorate.Tests.Crypto.Notes;

/// <summary>The checkpoint that another implementation signed and cosigned, both with the seed of 32 bytes 0x01.</summary>
static class GoldenNote
{
    public const string LogKey = "example.com/golden+639579fa+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c";
    public const string WitnessKey = "witness.example/w+b58d4eee+BIqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c";
    public const ulong Time = 1_700_000_000;

    public static Ed25519PrivateKey Key { get; } = Ed25519PrivateKey.FromSeed(Enumerable.Repeat((byte)1, 32).ToArray());

    public static NoteVerifierKey Log { get; } = NoteVerifierKey.Parse(LogKey);

    public static NoteVerifierKey Witness { get; } = NoteVerifierKey.Parse(WitnessKey);

    public static byte[] Text => "example.com/golden\n70000\npipUvjMpT/1aXExjf9dUYwtxqJLoNW46Zmpcin/9FRg=\n"u8.ToArray();

    public static byte[] Bytes =>
        Encoding.UTF8.GetBytes(
            """
            example.com/golden
            70000
            pipUvjMpT/1aXExjf9dUYwtxqJLoNW46Zmpcin/9FRg=

            — example.com/golden Y5V5+hPBB+gBhS/WSDIcYkEdd35pchkzoVTqE5UaThEzZByWxP85VAf7omtzKXP8NYLzIPYYxryChkCvMY2nvgkSFww=
            — witness.example/w tY1O7gAAAABlU/EAr8nLvd7j7O61JY8SfykpJiM07oGSAT+1lkcTVtVn61aDY6+23eaTD7UPQ2T/Adt1g33WGJ/PfsUy4gM3lU8rDQ==

            """
        );
}
