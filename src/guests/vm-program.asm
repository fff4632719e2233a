; Program of a VM subject of scenario machine-code: 32-bit protected mode without paging, entry at 0x400000.
;
; It goes to 64-bit mode with page tables of its own, takes interrupts through its IDT, and each round touches memory,
; runs code that it writes anew, causes exits that its monitor skips, and arms its timer.
org 0x400000
bits 32
TABLES  equ 0x1000000                   ; PML4, PDPT, page directory
IDT     equ 0x1003000
STACK   equ 0x1004000
TICKS   equ 0x1004000                   ; rounds, interrupts seen
CODE    equ 0x1006000                   ; written and run each round
TIMER   equ 31                          ; event: interrupt 49 for itself
        mov dword [TABLES], TABLES + 0x1003
        mov dword [TABLES + 0x1000], TABLES + 0x2003
        xor ecx, ecx
.map:   mov eax, ecx
        shl eax, 21
        or eax, 0x83                    ; 2 MiB, writable, present
        mov [TABLES + 0x2000 + ecx * 8], eax
        inc ecx
        cmp ecx, 32
        jb .map
        mov eax, cr4
        or eax, 0x20                    ; PAE
        mov cr4, eax
        mov eax, TABLES
        mov cr3, eax
        mov ecx, 0xc0000080             ; IA32_EFER.LME
        rdmsr
        or eax, 0x100
        wrmsr
        mov eax, cr0
        or eax, 0x80000000
        mov cr0, eax
        lgdt [pointer]
        jmp 8:wide
        align 8
gdt:    dq 0, 0x00af9b000000ffff, 0x00cf93000000ffff
pointer:
        dw $ - gdt - 1
        dq gdt
vectors:
        dw 64 * 16 - 1
        dq IDT
bits 64
wide:   mov eax, 0x10
        mov ss, eax
        mov ds, eax
        mov es, eax
        mov esp, STACK
        ; All 64 gates lead to the same handler.
        xor ecx, ecx
        mov edx, IDT
.gate:  mov eax, handler
        mov [rdx], ax
        mov dword [rdx + 2], 0x8e000008
        shr eax, 16
        mov [rdx + 6], eax
        mov dword [rdx + 10], 0
        add edx, 16
        inc ecx
        cmp ecx, 64
        jb .gate
        lidt [vectors]
        sti
.round: inc qword [TICKS]
        ; Code that returns the round: mov eax, imm32; ret
        mov byte [CODE], 0xb8
        mov eax, [TICKS]
        mov [CODE + 1], eax
        mov byte [CODE + 5], 0xc3
        mov eax, CODE
        call rax
        mov [TICKS + 16], rax
        cpuid
        mov dx, 0x3f8
        out dx, al
        mov rax, [0x3000000]            ; beyond its memory
        mov eax, TIMER
        vmcall
        hlt
        jmp .round
handler:
        inc qword [TICKS + 8]
        iretq
