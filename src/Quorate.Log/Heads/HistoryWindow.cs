namespace Quorate.Log;

/// <summary>
/// How long old heads stay provable: every head that was current within <paramref name="Age"/>, and at least the last <paramref name="Heads"/>.
/// </summary>
public sealed record HistoryWindow(TimeSpan Age, int Heads)
{
    public static HistoryWindow Default { get; } = new(TimeSpan.FromHours(24), 1000);
}
